"""WebDataset: tars of pictures with captions, as webdataset and img2dataset write them."""

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.lists import faults, pairs, read
from support.tables import rows
from support.tars import samples, tar
from support.web import picture

from tasks.crawl.config import Config
from tasks.crawl.sources.webdataset import WebDatasetSource
from tasks.crawl.stage import crawl
from tasks.engine.artifact import Artifact
from tasks.errors import SourceError
from tasks.fetch.config import Config as FetchConfig
from tasks.fetch.stage import fetch
from tasks.screen_captions.config import Config as CaptionsConfig
from tasks.screen_captions.stage import screen_captions
from tasks.settings import Settings

ABOUT = {
    "caption": "a dog in the garden",
    "url": "https://example.org/dog.jpg",
    "key": "000000000",
    "status": "success",
    "error_message": None,
    "width": 256,
    "height": 256,
    "original_width": 640,
    "original_height": 640,
    "license": "CC BY 4.0",
    "exif": "{}",
    "sha256": "0" * 64,
}


def captions(candidates: list[dict[str, Any]]) -> list[str]:
    return [caption for _, caption in pairs(candidates)]


def test_what_img2dataset_writes_is_read_with_its_licence_and_address(settings: Settings, tmp_path: Path) -> None:
    path = tar(
        tmp_path / "00000.tar",
        ("000000000.jpg", picture()),
        ("000000000.json", ABOUT),
        ("000000000.txt", "a dog in the garden"),
        *samples("a cat on the roof", first=1),
    )
    candidates, rejects = read(settings, "webdataset", path, licence="unknown")
    assert rejects == []
    assert captions(candidates) == ["a dog in the garden", "a cat on the roof"]
    dog, cat = candidates
    assert dog["url"].startswith("webdataset:///00000.tar?at=512&bytes=")
    assert dog["url"].endswith("#000000000.jpg")
    assert (dog["page_url"], dog["licence"], dog["split"]) == ("https://example.org/dog.jpg", "CC BY 4.0", None)
    assert (cat["page_url"], cat["licence"]) == ("webdataset:///00000.tar#000000001", "unknown")


def test_a_json_gives_one_caption_or_several(settings: Settings, tmp_path: Path) -> None:
    path = tar(
        tmp_path / "a.tar",
        ("a.png", picture()), ("a.json", {"Caption": " one "}),
        ("b.webp", picture()), ("b.json", {"captions": ["two", "three", "two", ""], "split": "val"}),
        ("c.JPG", picture()), ("c.json", {"caption": None, "text": "four"}),
    )  # fmt: skip
    candidates, rejects = read(settings, "webdataset", path)
    assert rejects == []
    assert captions(candidates) == ["one", "two", "three", "four"]
    assert [row["split"] for row in candidates] == [None, "validation", "validation", None]


def test_what_is_no_pair_is_rejected_with_its_place(settings: Settings, tmp_path: Path) -> None:
    path = tar(
        tmp_path / "a.tar",
        ("README.md", "of the archive"),
        ("__meta__.json", {}),
        ("._good.txt", "\0\0"),
        ("only.txt", "a caption alone"),
        ("bare.jpg", picture()),
        ("bad.jpg", picture()), ("bad.json", ""),
        ("list.jpg", picture()), ("list.json", "[1]"),
        ("half.jpg", picture()), ("half.json", '{"caption": "\\ud800 half"}'),
        ("two.jpg", picture()), ("two.png", picture()), ("two.txt", "which?"),
        ("new.avif", b"x"), ("new.txt", "a format of its own"),
        ("empty.jpg", picture()), ("empty.txt", "  "),
        ("good.jpg", picture()), ("good.cls", "7"), ("good.txt", "a good one"),
        ("long.jpg", picture()), ("long.txt", "x" * 10_001),
    )  # fmt: skip
    candidates, rejects = read(settings, "webdataset", path)
    assert captions(candidates) == ["a good one"]
    assert faults(rejects) == [
        ("no_image", "a.tar only: no picture has its name"),
        ("no_caption", "a.tar bare: no txt, and no json with a caption"),
        ("malformed_row", "a.tar bad: bad.json is no JSON: Expecting value: line 1 column 1 (char 0)"),
        ("malformed_row", "a.tar list: list.json holds no JSON object"),
        ("malformed_row", "a.tar half: half.json: caption holds characters without meaning"),
        ("malformed_row", "a.tar two: 2 pictures: two.jpg, two.png"),
        ("unsupported_format", "a.tar new: .avif is not read: convert it to JPEG or PNG"),
        ("no_caption", "a.tar empty: no txt, and no json with a caption"),
        ("alt_too_long", "a.tar long: more than 10000 characters"),
    ]


def test_of_a_damaged_tar_the_rest_is_one_reject(settings: Settings, tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", *samples("one", "two", "three"))
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"000000002.txt")])
    candidates, rejects = read(settings, "webdataset", path)
    assert captions(candidates) == ["one", "two"]
    assert [reason for reason, _ in faults(rejects)] == ["no_caption", "damaged_record"]
    path.write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(SourceError, match=r"No row of .*a\.tar is a pair as in webdataset \(a\.tar the archive: noth"):
        read(settings, "webdataset", path)


def test_tars_are_named_by_a_file_a_folder_or_a_pattern_and_their_names_state_splits(
    settings: Settings, tmp_path: Path
) -> None:
    for name in ("train/00000.tar", "train/00001.tar", "validation/00000.tar", ".cache/00000.tar"):
        tar(tmp_path / "data" / name, *samples(name))
    found, _ = read(settings, "webdataset", tmp_path / "data")
    assert [(row["alt"], row["split"]) for row in found] == [
        ("train/00000.tar", "train"), ("train/00001.tar", "train"), ("validation/00000.tar", "validation")
    ]  # fmt: skip
    assert len({row["url"] for row in found}) == 3
    found, _ = read(settings, "webdataset", tmp_path / "data" / "train" / "*1.tar")
    assert captions(found) == ["train/00001.tar"]
    [row], _ = read(settings, "webdataset", tmp_path / "data" / "validation" / "00000.tar", split="train")
    assert (row["url"].partition("?")[0], row["split"]) == ("webdataset:///00000.tar", "train")
    with pytest.raises(SourceError, match=r"none\*\.tar does not exist"):
        read(settings, "webdataset", tmp_path / "none*.tar")


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train-00000-of-00003.tar", "train"),
        ("training-data/val/0.tar", "validation"),
        ("my-test-set/train/0.tar", "train"),
        ("contest/valley.tar", None),
    ],
)
def test_a_word_of_a_files_path_states_its_split(path: str, split: str | None) -> None:
    assert WebDatasetSource(path="s3://bucket/set").split_in_name(f"s3://bucket/set/{path}") == split


def accepted(settings: Settings, path: Path) -> Artifact:
    found = crawl(Config.model_validate([{"kind": "webdataset", "path": str(path)}]), settings).artifact
    return screen_captions(CaptionsConfig(), settings, candidates=found).artifact


def fetched(settings: Settings, captions: Artifact, **config: Any) -> Artifact:
    return fetch(FetchConfig(**config), settings, captions=captions).artifact


def test_the_pictures_are_fetched_out_of_the_tars_wherever_they_lie_now(settings: Settings, tmp_path: Path) -> None:
    texts = [f"a picture of number {number}" for number in range(12)]
    tar(tmp_path / "a" / "train" / "0.tar", *samples(*texts[:7]))
    tar(tmp_path / "a" / "test" / "0.tar", *samples(*texts[7:], first=7), ("x.jpg", b"none"), ("x.txt", texts[0]))
    found_there = accepted(settings, tmp_path / "a")
    images = fetched(settings, found_there, urls_per_shard=5)
    found = {row["caption"]: Image.open(io.BytesIO(row["image"])).convert("RGB") for row in rows(images, "images")}
    assert sorted(found) == sorted(texts)
    for number, text in enumerate(texts):
        wanted = Image.open(io.BytesIO(picture(number, (64, 64), "JPEG")))
        assert max(abs(a - b) for a, b in zip(found[text].getpixel((9, 9)), wanted.getpixel((9, 9)), strict=True)) < 8
    assert [row["reason"] for row in rows(images, "rejects")] == ["not_an_image"]
    assert list(settings.local_work.rglob("0*")) == []
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert accepted(settings, tmp_path / "b") == found_there
    with pytest.raises(SourceError, match="was crawled, but has been moved or changed since"):
        fetched(settings, found_there, urls_per_shard=6)


def test_what_is_larger_than_allowed_is_not_unpacked(settings: Settings, tmp_path: Path) -> None:
    path = tar(
        tmp_path / "a.tar", *samples("a small picture here"), ("b.jpg", bytes(50_000)), ("b.txt", "a large one is here")
    )
    images = fetched(settings, accepted(settings, path), max_bytes=20_000)
    assert [row["caption"] for row in rows(images, "images")] == ["a small picture here"]
    [reject] = rows(images, "rejects")
    assert (reject["reason"], reject["detail"]) == ("too_large", "50000 bytes")
