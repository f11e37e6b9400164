"""Every caption and every image of a folder is a candidate or a reject that says what is missing."""

import json
import os
import unicodedata
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from support.folders import pictures_in
from support.web import picture

from tasks.crawl.config import Config
from tasks.crawl.sources.folder import FolderSource, crawl_folder
from tasks.crawl.stage import crawl
from tasks.errors import SourceError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for number, name in enumerate(("dog.png", "cat.PNG", "extra.png")):
        (folder / name).write_bytes(picture(number))
    return folder


def name_of(row) -> str:
    return unquote(urlsplit(row["url"]).path).removeprefix("/")


def crawled(folder, **options):
    """Sorted (image, caption) of the candidates, and (file, reason) of the rejects."""
    shard = crawl_folder(None, str(folder), **options)
    assert shard.rows_in == shard.tables["candidates"].num_rows + shard.rejects.num_rows
    candidates = shard.tables["candidates"].to_pylist()
    return (
        sorted((name_of(row), row["alt"]) for row in candidates),
        sorted((name_of(row), row["reason"]) for row in shard.rejects.to_pylist()),
    )


def details(folder) -> list[str]:
    return [row["detail"] or "" for row in crawl_folder(None, str(folder)).rejects.to_pylist()]


def test_text_files_caption_the_images_of_the_same_name(folder):
    (folder / "dog.txt").write_text("a dog in the garden\n")
    (folder / "cat.txt").write_text("ein Kater, größer als der Hund")
    (folder / "bird.txt").write_text("a bird nobody photographed")
    assert crawled(folder) == (
        [("cat.PNG", "ein Kater, größer als der Hund"), ("dog.png", "a dog in the garden")],
        [("bird.jpg", "no_image"), ("extra.png", "no_caption")],
    )


TABLES = [
    ("captions.csv", 'file,caption\ndog.png,"a dog, asleep"\ncat.PNG,a cat\nlost.png,a bird\n'),
    ("captions.csv", 'File, Caption\ndog.png,"a dog, asleep"\ncat.PNG,a cat\nlost.png,a bird\n'),
    ("captions.csv", "File Name;Caption\r\ndog.png;a dog, asleep\r\ncat.PNG;a cat\r\nlost.png;a bird\r\n"),
    ("captions.tsv", "image\tcaption\ndog.png\ta dog, asleep\ncat.PNG\ta cat\nlost.png\ta bird"),
    ("captions.csv", "file,caption\ndog.png,a dog, asleep\ncat.PNG,a cat\nlost.png,a bird"),
    ("Metadata.CSV", '\ufefffile_name,text,extra\ndog.png,"a dog, asleep",1\ncat.PNG,a cat,2\nlost.png,a bird,3\n'),
    ("results.txt", "dog.png#0\ta dog, asleep\ncat.PNG#1\ta cat\nlost.png#0\ta bird"),
    ("results.txt", "image,caption\ndog.png,a dog, asleep\ncat.PNG,a cat\nlost.png,a bird"),
    ("metadata.jsonl", '{"file_name": "dog.png", "text": "a dog, asleep"}\n\n'
                       '{"file_name": "cat.PNG", "text": "a cat"}\n{"file_name": "lost.png", "text": "a bird"}'),
]  # fmt: skip


@pytest.mark.parametrize(("table", "content"), TABLES)
def test_tables_caption_the_images_they_name(folder, table, content):
    (folder / table).write_text(content)
    assert crawled(folder) == (
        [("cat.PNG", "a cat"), ("dog.png", "a dog, asleep")],
        [("extra.png", "no_caption"), ("lost.png", "no_image")],
    )


def test_a_parquet_table_captions_the_images_it_names(folder):
    table = pa.table({"file_name": ["dog.png", "cat.PNG", None], "text": [["a dog", "one dog"], ["a cat"], ["a bird"]]})
    pq.write_table(table, folder / "metadata.parquet")
    assert crawled(folder) == (
        [("cat.PNG", "a cat"), ("dog.png", "a dog"), ("dog.png", "one dog")],
        [("extra.png", "no_caption"), ("metadata.parquet", "unreadable_caption")],
    )


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dog.txt", "a dog\n\none dog\n a brown dog \n"),
        ("captions.csv", "image,caption\ndog.png,a dog\ndog.png,one dog\ndog.png,a brown dog\n"),
        ("dogs.token.txt", "dog.png#0\ta dog\ndog.png#1\tone dog\ndog.png#2\ta brown dog\n"),
        ("metadata.jsonl", '{"file_name": "dog.png", "captions": ["a dog", "one dog", "a brown dog"]}'),
    ],
)
def test_every_caption_of_an_image_is_a_row(folder, file, content):
    (folder / file).write_text(content)
    captions, rejects = crawled(folder)
    assert captions == [("dog.png", "a brown dog"), ("dog.png", "a dog"), ("dog.png", "one dog")]
    assert rejects == [("cat.PNG", "no_caption"), ("extra.png", "no_caption")]


def test_captions_in_text_files_and_tables_add_up_and_equal_ones_are_duplicates(folder):
    (folder / "dog.txt").write_text("a dog\nits own caption\n")
    (folder / "captions.csv").write_text("file,caption\ndog.png,a dog\n")
    captions, rejects = crawled(folder)
    assert captions == [("dog.png", "a dog"), ("dog.png", "its own caption")]
    assert ("dog.png", "duplicate") in rejects
    assert "first on folder:///captions.csv#line%202" in details(folder)


def test_a_row_says_in_which_file_and_line_its_caption_was_found(folder):
    (folder / "dog.txt").write_text("\na dog\n")
    (row,) = crawl_folder(None, str(folder)).tables["candidates"].to_pylist()
    assert row["page_url"] == "folder:///dog.txt#line%202"


@pytest.mark.parametrize(
    ("encoding", "caption"),
    [
        ("utf-8", "a café, naïve — “quoted”"),
        ("utf-8-sig", "a café"),
        ("utf-16", "a café — 犬"),
        ("utf-16-le", "a dog in the snow"),
        ("utf-16-be", "a dog in the snow"),
        ("utf-32", "a café — 犬"),
        ("cp1252", "a café"),
        ("cp1252", "The cat\u2019s \u201cGröße\u201d \u2013 naïve…"),
        ("cp1251", "красное яблоко лежит на столе"),
        ("shift_jis", "台所のテーブルの上に赤いりんごがあります"),
    ],
)
def test_captions_are_read_in_the_encoding_they_are_in(folder, encoding, caption):
    (folder / "dog.txt").write_bytes(caption.encode(encoding))
    (folder / "captions.csv").write_bytes(f"file;caption\r\ncat.PNG;{caption}\r\n".encode(encoding))
    assert crawled(folder)[0] == [("cat.PNG", caption), ("dog.png", caption)]


def test_a_declared_encoding_is_obeyed_unless_a_byte_order_mark_says_else(folder):
    (folder / "dog.txt").write_bytes("a café".encode("cp437"))
    (folder / "cat.txt").write_bytes("a café".encode("utf-16"))
    assert crawled(folder, encoding="cp437")[0] == [("cat.PNG", "a café"), ("dog.png", "a café")]
    with pytest.raises(ValidationError, match="is no encoding"):
        FolderSource(path=str(folder), encoding="cp9999")


@pytest.mark.parametrize(
    ("file", "content", "place"),
    [
        ("captions.csv", b"file,caption\ndog.png,caf\xc3\xa9 one\ncat.PNG,caf\xe9\ndog.png,caf\xc3\xa9 two", "line 3"),
        ("metadata.jsonl", '{"file_name":"dog.png","text":"café one"}\n{"file_name":"dog.png","text":"café two"}\n'
                           '{"file_name":"cat.PNG","text":"'.encode() + b'\xff\xfe"}', "line 3"),
        ("dog.txt", b"caf\xc3\xa9 one\na \xff dog\ncaf\xc3\xa9 two", "line 2"),
        ("metadata.jsonl", '{"file_name":"dog.png","text":"café one"}\n{"file_name":"cat.PNG","text":"\\ud800"}\n'
                           '{"file_name":"dog.png","text":"café two"}'.encode(), "line 2"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_decoded_is_one_reject_with_its_place(folder, file, content, place):
    (folder / file).write_bytes(content)
    assert crawled(folder)[0] == [("dog.png", "café one"), ("dog.png", "café two")]
    assert any(detail.startswith(f"{file} {place}: not utf-8") for detail in details(folder))


@pytest.mark.parametrize(
    ("file", "bad", "message"),
    [
        ("captions.csv", ",a bird nobody photographed", "captions.csv line 3: no file name: 'file' is empty"),
        ("captions.csv", "../secret.png,a secret", "captions.csv line 3: ../secret.png lies outside the folder"),
        ("captions.csv", "/etc/secret.png,a secret", "captions.csv line 3: /etc/secret.png lies outside the folder"),
        ("captions.csv", 'cat.PNG,"never closed', "captions.csv line 3: cannot be read"),
        ("captions.csv", "cat.PNG", "captions.csv line 3 is empty"),
        ("captions.csv", "cat,a cat", "captions.csv line 3: there is no file cat; there is cat.PNG"),
        ("captions.csv", "cat.jpg,a cat", "captions.csv line 3: there is no file cat.jpg; there is cat.PNG"),
        ("metadata.jsonl", "{broken", "metadata.jsonl line 2: no JSON: Expecting property name"),
        ("metadata.jsonl", "[1, 2]", "metadata.jsonl line 2: expected a JSON object, found list: [1, 2]"),
        ("metadata.jsonl", '{"file_name": 7, "text": "a"}', "metadata.jsonl line 2: no file name: 'file_name' is int"),
        ("metadata.jsonl", '{"file_name": "cat.PNG", "text": {"en": "a cat"}}', "metadata.jsonl line 2: expected a"),
        ("metadata.jsonl", '{"name": "cat.PNG"}', "metadata.jsonl line 2: expected a column such as file or file_name"),
        ("metadata.jsonl", "[" * 100_000, "metadata.jsonl line 2: no JSON: "),
    ],
)  # fmt: skip
def test_a_bad_row_is_one_reject_and_costs_no_other(folder, file, bad, message):
    first, last = ("dog.png,a dog", "dog.png,its end") if file == "captions.csv" else (
        '{"file_name": "dog.png", "text": "a dog"}', '{"file_name": "dog.png", "text": "its end"}')  # fmt: skip
    header = ["file,caption"] if file == "captions.csv" else []
    (folder / file).write_text("\n".join([*header, first, bad, last]))
    captions, rejects = crawled(folder)
    assert captions == [("dog.png", "a dog"), ("dog.png", "its end")]
    assert len([reason for _, reason in rejects if reason != "no_caption"]) <= 1
    assert any(detail.startswith(message) for detail in details(folder))


def splits(folder) -> dict[str, str | None]:
    """The split of each image that is a candidate."""
    return {name_of(row): row["split"] for row in crawl_folder(None, str(folder)).tables["candidates"].to_pylist()}


def test_the_splits_of_a_hugging_face_folder_are_kept(tmp_path):
    folder = pictures_in(tmp_path, "train/0001.png", "validation/0001.png", "test/a/b.jpg")
    (folder / "train/metadata.jsonl").write_text('{"file_name": "0001.png", "text": "a dog"}')
    (folder / "validation/metadata.csv").write_text("file_name,text\n0001.png,a cat")
    (folder / "test/metadata.csv").write_text("file_name,text\na/b.jpg,a bird\n../train/0001.png,a dog again")
    captions, rejects = crawled(folder)
    assert rejects == []
    assert captions == [("test/a/b.jpg", "a bird"), ("train/0001.png", "a dog"), ("train/0001.png", "a dog again"),
                        ("validation/0001.png", "a cat")]  # fmt: skip
    held_out = {"test/a/b.jpg": "validation", "validation/0001.png": "validation"}
    assert splits(folder) == {"train/0001.png": "train", **held_out}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train/a.jpg", "dev/b.jpg"), ["train", "validation"]),
        (("Training/a.jpg", "VAL/b.jpg"), ["train", "validation"]),
        (("train/a.jpg", "test/b.jpg", "c.jpg", "more/d.jpg"), ["train", "validation", None, None]),
        (("train/a.jpg", "more/test/b.jpg"), [None, None]),
        (("pictures/a.jpg", "test/b.jpg"), [None, None]),
        (("val/a.jpg", "test/b.jpg"), [None, None]),
        (("train.jpg", "test.jpg"), [None, None]),
    ],
)
def test_folders_at_the_top_state_splits_if_both_training_and_held_out_images_lie_in_such(tmp_path, names, expected):
    folder = pictures_in(tmp_path, *names)
    for name in names:
        (folder / name).with_suffix(".txt").write_text("a picture")
    assert splits(folder) == dict(zip(names, expected, strict=True))


@pytest.mark.parametrize("written", ["csv", "jsonl", "parquet"])
def test_a_column_of_a_table_states_splits(tmp_path, written):
    stated = {"a.jpg": "train", "b.jpg": "Validation", "c.jpg": "held_out", "d.jpg": "", "e.jpg": None, "f.jpg": "odd"}
    table = pa.table({"file_name": list(stated), "split": list(stated.values()), "text": ["a picture"] * 6})
    folder = pictures_in(tmp_path, *stated)
    if written == "parquet":
        pq.write_table(table, folder / "metadata.parquet")
    elif written == "jsonl":
        (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, table.to_pylist())))
    else:
        rows = [",".join(value or "" for value in row.values()) for row in table.to_pylist()]
        (folder / "metadata.csv").write_text("\n".join(["file_name,Split,text", *rows]))
    held_out = {"b.jpg": "validation", "c.jpg": "validation"}
    assert splits(folder) == {"a.jpg": "train", **held_out, "d.jpg": None, "e.jpg": None}
    assert crawled(folder)[1] == [("f.jpg", "unknown_split")]
    assert details(folder)[0].endswith("'odd' is no split such as train, validation or test")


def test_a_column_says_more_than_the_folder_an_image_lies_in(tmp_path):
    folder = pictures_in(tmp_path, "train/a.jpg", "train/b.jpg", "test/c.jpg")
    (folder / "metadata.csv").write_text(
        "file,split,text\ntrain/a.jpg,dev,a dog\ntrain/b.jpg,,a cat\ntest/c.jpg,,a cow"
    )
    assert splits(folder) == {"train/a.jpg": "validation", "train/b.jpg": "train", "test/c.jpg": "validation"}


def test_an_image_that_one_caption_of_several_holds_out_is_held_out_with_all(tmp_path):
    folder = pictures_in(tmp_path, "a.jpg", "b.jpg")
    rows = ["a.jpg,a dog,train", "a.jpg,one dog,", "a.jpg,one dog,test", "b.jpg,a cat,train", "b.jpg,one cat,"]
    (folder / "captions.csv").write_text("\n".join(["file,caption,split", *rows]))
    found = [(row["alt"], row["split"]) for row in crawl_folder(None, str(folder)).tables["candidates"].to_pylist()]
    assert sorted(found) == [
        ("a cat", "train"), ("a dog", "validation"), ("one cat", "train"), ("one dog", "validation")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ("café.png", unicodedata.normalize("NFD", "café.png")),
        (unicodedata.normalize("NFD", "Å/é.png"), unicodedata.normalize("NFC", "Å/é.png")),
        ("dog.JPG", "dog.jpg"),
        ("Photos/Dog.jpg", "photos/dog.JPG"),
        ("photos/dog.jpg", "photos\\dog.jpg"),
    ],
)
def test_an_image_is_found_by_a_name_that_differs_only_in_case_normal_form_or_slashes(tmp_path, image, named):
    (pictures_in(tmp_path, image) / "captions.csv").write_text(f"file,caption\n{named},a dog")
    assert crawled(tmp_path) == ([(image, "a dog")], [])


@pytest.mark.parametrize(
    ("image", "text"), [("cat.jpg", "CAT.TXT"), ("Café.png", "cafe\u0301.txt"), ("a.jpg", "a.jpg.txt")]
)
def test_a_text_file_is_found_by_a_name_that_is_alike(tmp_path, image, text):
    (pictures_in(tmp_path, image) / text).write_text("a cat")
    assert crawled(tmp_path) == ([(image, "a cat")], [])


def test_a_name_that_is_like_two_others_is_a_reject_that_says_so(tmp_path):
    folder = pictures_in(tmp_path, "dog.jpg", "Dog.jpg", "cat.jpg")
    (folder / "captions.csv").write_text("file,caption\nDOG.jpg,a dog\ncat.jpg,a cat\n")
    (folder / "DOG.txt").write_text("a dog")
    assert crawled(folder)[0] == [("cat.jpg", "a cat")]
    alike = [
        detail for detail in details(folder) if "differs in case or normal form from Dog.jpg and dog.jpg" in detail
    ]
    assert len(alike) == 2


def test_images_of_formats_that_are_not_read_are_rows_that_say_so(folder):
    pictures_in(folder, "scan.jp2", "phone.HEIC")
    (folder / "scan.txt").write_text("a scan")
    (folder / "dog.txt").write_text("a dog")
    captions, rejects = crawled(folder)
    assert captions == [("dog.png", "a dog")]
    assert {("scan.jp2", "unsupported_format"), ("phone.HEIC", "unsupported_format")} < set(rejects)
    assert ".heic is not read: convert it to JPEG or PNG" in details(folder)


@pytest.mark.parametrize("suffix", ["tif", "TIFF", "jfif", "jpe", "bmp", "webp", "gif"])
def test_images_of_all_formats_that_are_read_are_found(tmp_path, suffix):
    (pictures_in(tmp_path, f"scan.{suffix}") / "scan.txt").write_text("a scan")
    assert crawled(tmp_path) == ([(f"scan.{suffix}", "a scan")], [])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no images"),
        ({"notes.txt": b"hello"}, "holds no images"),
        ({"0.tar": b"x", "0.parquet": b"x"}, r"in source\.sources, or set its kind to webdataset or huggingface\.$"),
        ({"a.heic": b"x"}, r"holds no images .*\.heic are not read"),
        ({"a.png": b"x"}, "holds images but no captions: give each image a text file"),
        ({"a.png": b"x", "a.txt": b"  "}, "holds images but no captions.*a.txt line 1 is empty"),
        ({"a.png": b"x", "b.txt": b"text"}, "holds images but no captions.*b.txt line 1: no image has the name b"),
        ({"a.png": b"x", "captions.csv": b"name,title\na.png,a dog\n"}, "expected a column .* found 'name', 'title'"),
        ({"a.png": b"x", "metadata.jsonl": b"{broken"}, "metadata.jsonl line 1: no JSON"),
        ({"a.png": b"x", "metadata.parquet": b"PAR1"}, "metadata.parquet the whole file: no Parquet"),
        ({"a.png": b"x", "labels.csv": b"file,caption\na.png,a dog"}, "labels.csv is not read: a table is named"),
        ({"a.png": b"x", "metadata.jsonl": b'{"file": "a.png", "text": "a dog", "split": 3}'}, "known.*'3' is no"),
        ({"a.png": b"x", "metadata.jsonl": b'{"file": "a.png", "text": "a dog", "split": [3]}'}, "'list' is no split"),
    ],
)  # fmt: skip
def test_a_folder_without_pairs_is_an_error_with_what_was_found_and_the_remedy(settings, tmp_path, files, message):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        crawl(Config(sources=(FolderSource(path=str(folder)),)), settings)


def test_a_missing_folder_is_an_error_before_any_work(settings, tmp_path):
    with pytest.raises(SourceError, match=r"The source folder .* does not exist: check source\.sources"):
        crawl(Config(sources=(FolderSource(path=str(tmp_path / "nowhere")),)), settings)


def test_a_name_that_is_no_unicode_does_no_harm(tmp_path):
    odd = os.fsdecode(b"caf\xe9.png")
    pictures_in(tmp_path, odd, "dog.png")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("a café")
    (tmp_path / os.fsdecode(b"b\xe9b\xe9.txt")).write_text("a baby")
    shard = crawl_folder(None, str(tmp_path))
    assert [row["url"] for row in shard.tables["candidates"].to_pylist()] == ["folder:///caf%E9.png"]
