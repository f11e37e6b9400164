"""Hugging Face data sets as Parquet: written by `datasets` itself, by img2dataset, or by hand."""

import io
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from support.lists import faults, pairs, read
from support.tables import rows
from support.web import picture

from tasks.crawl.config import Config
from tasks.crawl.sources.huggingface import HuggingFaceSource
from tasks.crawl.stage import crawl
from tasks.errors import SourceError
from tasks.fetch.config import Config as FetchConfig
from tasks.fetch.stage import fetch
from tasks.screen_captions.config import Config as CaptionsConfig
from tasks.screen_captions.stage import screen_captions
from tasks.settings import Settings
from tasks.web.refusals import RefusedError

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def parquet(path: Path, pictures: list[bytes | None], rows_per_group: int = 2, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pa.array([{"bytes": each, "path": f"{number}.jpg"} for number, each in enumerate(pictures)], STRUCT)
    pq.write_table(pa.table({"image": image, **columns}), path, row_group_size=rows_per_group)
    return path


def written_by_datasets(folder: Path, texts: list[Any], name: str) -> Path:
    """A shard as `datasets` itself writes it, of pictures 0, 1, and so on."""
    pictures = [Image.open(io.BytesIO(picture(number, (64, 64)))) for number in range(len(texts))]
    folder.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict({"image": pictures, "text": texts}).cast_column("image", datasets.Image()).to_parquet(
        str(folder / name)
    )
    return folder / name


def test_each_caption_of_a_row_is_a_pair_and_all_of_an_image_have_one_address(
    settings: Settings, tmp_path: Path
) -> None:
    texts = [["one", "two"], [" three ", "three", None], [], None, ["four"]]
    path = parquet(tmp_path / "a.parquet", [b"x"] * 5, captions=texts, license=["MIT", None, None, None, "CC BY 4.0"])
    candidates, rejects = read(settings, "huggingface", path, licence="unknown")
    root = "huggingface:///a.parquet"
    assert pairs(candidates) == [
        (f"{root}#row=1", "one"), (f"{root}#row=1", "two"), (f"{root}#row=2", "three"), (f"{root}#row=5", "four")
    ]  # fmt: skip
    assert [row["licence"] for row in candidates] == ["MIT", "MIT", "unknown", "CC BY 4.0"]
    assert candidates[0]["page_url"] == f"{root}#row%201"
    assert faults(rejects) == [("missing_alt", f"a.parquet row {row}: no caption") for row in (3, 4)]


def test_shards_below_the_folder_are_read_and_their_names_state_splits(settings: Settings, tmp_path: Path) -> None:
    for name in ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet", "more/odd.parquet"):
        parquet(tmp_path / name, [b"x"], caption=[name], url=["https://example.org/a"])
    candidates, _ = read(settings, "huggingface", tmp_path)
    assert {(row["alt"].split("/")[1][:5], row["split"]) for row in candidates} == {
        ("train", "train"), ("test-", "validation"), ("odd.p", None)
    }  # fmt: skip
    assert {row["page_url"] for row in candidates} == {"https://example.org/a"}
    path = parquet(tmp_path / "a.parquet", [b"x"] * 3, caption=["a", "b", "c"], split=["train", "dev", None])
    candidates, _ = read(settings, "huggingface", path)
    assert [row["split"] for row in candidates] == ["train", "validation", None]


def test_columns_are_found_or_named(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"url": ["https://a.org/b"], "caption": ["a"], "better": ["b"], "jpg": [b"x"]}), path)
    assert pairs(read(settings, "huggingface", path)[0]) == [("huggingface:///a.parquet#row=1", "a")]
    assert pairs(read(settings, "huggingface", path, caption_column="better")[0])[0][1] == "b"
    with pytest.raises(SourceError, match="has no column of texts, or of lists of texts, named jpg, only url, caption"):
        read(settings, "huggingface", path, caption_column="jpg")
    with pytest.raises(SourceError, match=r"has no column of pictures named url \(bytes, or a struct"):
        read(settings, "huggingface", path, image_column="url")
    pq.write_table(pa.table({"url": ["https://a.org/b"], "caption": ["a"]}), path)
    with pytest.raises(SourceError, match="its kind to laion if it lists addresses"):
        read(settings, "huggingface", path)
    path.write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"a\.parquet is damaged or no Parquet .*: get it again"):
        read(settings, "huggingface", path)


def test_pictures_come_from_their_rows_in_whatever_group(tmp_path: Path) -> None:
    contents: list[bytes | None] = [b"%d" % number for number in range(50)]
    contents[7], contents[8] = None, b"x" * 100
    path = parquet(tmp_path / "a.parquet", contents, rows_per_group=20, caption=["a"] * 50)
    source = HuggingFaceSource(path=str(path))
    wanted = [f"huggingface:///a.parquet#row={row + 1}" for row in (49, 7, 8, 19, 20, 0)]
    (tmp_path / "out").mkdir()
    found = source.located(wanted, tmp_path / "out", 50)
    assert found.keys() == set(wanted)
    for url, row in zip(wanted, (49, 7, 8, 19, 20, 0), strict=True):
        address = found[url]
        if isinstance(address, RefusedError):
            assert (address.reason, row) in {("no_image", 7), ("too_large", 8)}
        else:
            assert Path(address.removeprefix("file://")).read_bytes() == contents[row]


def test_what_datasets_writes_goes_through_the_pipeline(settings: Settings, tmp_path: Path) -> None:
    texts = [f"a picture of number {number}" for number in range(9)]
    written_by_datasets(tmp_path / "set", texts, "train-00000-of-00001.parquet")
    found = crawl(Config.model_validate([{"kind": "huggingface", "path": str(tmp_path / "set")}]), settings).artifact
    accepted = screen_captions(CaptionsConfig(), settings, candidates=found).artifact
    images = fetch(FetchConfig(urls_per_shard=4), settings, captions=accepted).artifact
    for row in rows(images, "images"):
        number = texts.index(row["caption"])
        shown, wanted = (Image.open(io.BytesIO(each)) for each in (row["image"], picture(number, (64, 64))))
        assert max(abs(a - b) for a, b in zip(shown.getpixel((9, 9)), wanted.getpixel((9, 9)), strict=True)) < 8
    assert len(rows(images, "images")) == 9
