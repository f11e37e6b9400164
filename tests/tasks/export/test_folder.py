"""Exported data sets are opened by the programs they are made for, and appear whole or not at all."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import datasets
import mlcroissant
import pyarrow.parquet as pq
import pytest
import webdataset
import yaml
from PIL import Image
from support.packed import packed_pairs
from support.tables import rows

from tasks.crawl.config import Config as CrawlConfig
from tasks.crawl.stage import crawl
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Progress
from tasks.errors import ConfigError, DamagedArtifactError
from tasks.export import columns, folder
from tasks.export.card import data_card, hub_licence
from tasks.export.croissant import croissant
from tasks.export.facts import DataFacts
from tasks.export.folder import export_pairs
from tasks.export.shards import ExportFormat
from tasks.settings import Settings


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, Settings, Path]:
    """Thirty pairs in six shards, the settings they were made with, and a folder."""
    place = tmp_path_factory.mktemp("packed")
    settings = Settings(root=str(place / "runs"), work_dir=str(place / "work"), dask_workers=0)
    return packed_pairs(settings, place), settings, place


@pytest.fixture(scope="module", params=list(ExportFormat))
def exported(packed: tuple[Artifact, Settings, Path], request: pytest.FixtureRequest) -> tuple[Path, DataFacts]:
    pairs, settings, place = packed
    out = place / f"my-{request.param}"
    return out, export_pairs(pairs, str(out), request.param, "A. Person", settings)


def in_store(pairs: Artifact) -> dict[str, dict]:
    return {
        row["pair_id"]: row | {"split": split}
        for kind, split in (("train", "train"), ("val", "validation"))
        for row in rows(pairs, kind)
    }


def in_tars(out: Path) -> dict[str, dict]:
    """The rows of the tars by pair, with their pictures; names are as img2dataset writes them."""
    found = {}
    for path in sorted(out.glob("*/*.tar")):
        with tarfile.open(path) as archive:
            contents = {member.name: archive.extractfile(member).read() for member in archive}
        for name in [name for name in contents if name.endswith(".json")]:
            key = name.removesuffix(".json")
            about = json.loads(contents[name])
            assert (about["key"], key[:5], len(key)) == (key, path.stem, 9)
            assert contents[f"{key}.txt"].decode() == about["caption"]
            found[about["pair_id"]] = about | {"image": contents[f"{key}.jpg"], "folder": path.parent.name}
    return found


def in_parquet(out: Path) -> dict[str, dict]:
    found = {}
    for path in sorted(out.glob("data/*.parquet")):
        for row in pq.read_table(path).to_pylist():
            found[row["pair_id"]] = row | {"image": row["image"]["bytes"], "split": path.name.split("-")[0]}
    return found


def test_every_pair_is_there_once_with_where_it_comes_from(
    packed: tuple[Artifact, Settings, Path], exported: tuple[Path, DataFacts]
) -> None:
    out, facts = exported
    found = in_tars(out) if facts.form is ExportFormat.WEBDATASET else in_parquet(out)
    wanted = in_store(packed[0])
    assert found.keys() == wanted.keys()
    for pair_id, row in found.items():
        same = wanted[pair_id]
        assert row["sha256"] == storage.sha256(same["image"]) == storage.sha256(row["image"])
        assert row["original_sha256"] == same["original_sha256"]
        assert (row["license"], row["page_url"], row["split"]) == (same["licence"], same["page_url"], same["split"])
        assert (row["caption"], row["url"], row["source"]) == (same["caption"], same["url"], same["source"])
        assert (row["width"], row["height"]) == Image.open(io.BytesIO(row["image"])).size
        assert (row["original_width"], row["original_height"]) == (72, 64)
    assert facts.pairs == {"train": 24, "validation": 6}
    assert {row["license"] for row in found.values()} == {"MIT", "CC BY 4.0"}


def test_our_own_sources_read_it_back_with_its_splits_and_licences(
    packed: tuple[Artifact, Settings, Path], exported: tuple[Path, DataFacts], settings: Settings
) -> None:
    out, facts = exported
    kind = "webdataset" if facts.form is ExportFormat.WEBDATASET else "huggingface"
    found = rows(crawl(CrawlConfig.model_validate([{"kind": kind, "path": str(out)}]), settings).artifact, "candidates")
    wanted = sorted((row["caption"], row["licence"], row["split"]) for row in in_store(packed[0]).values())
    assert sorted((row["alt"], row["licence"], row["split"]) for row in found) == wanted


def test_datasets_opens_it_with_images_decoded(
    exported: tuple[Path, DataFacts], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, facts = exported
    found = datasets.load_dataset(str(out), cache_dir=str(tmp_path))
    assert {split: part.num_rows for split, part in found.items()} == facts.pairs
    first = found["validation"][0]
    image = first["image" if facts.form is ExportFormat.PARQUET else "jpg"]
    assert isinstance(image, Image.Image)
    assert image.size == (72, 64)
    if facts.form is ExportFormat.PARQUET:
        assert isinstance(found["train"].features["image"], datasets.Image)
        assert first["license"] in {"MIT", "CC BY 4.0"}
    assert "malformed" not in caplog.text


def test_webdataset_opens_the_tars(packed: tuple[Artifact, Settings, Path], tmp_path: Path) -> None:
    pairs, settings, _ = packed
    export_pairs(pairs, str(tmp_path / "set"), ExportFormat.WEBDATASET, "", settings)
    shards = str(tmp_path / "set" / "train" / "{00000..00002}.tar")
    found = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil"))
    assert len(found) == 24
    assert all(sample["txt"] == sample["json"]["caption"] and sample["jpg"].size == (72, 64) for sample in found)


def test_mlcroissant_validates_the_description_and_reads_the_pictures(exported: tuple[Path, DataFacts]) -> None:
    out, facts = exported
    described = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
    assert described.metadata.ctx.issues.errors == set()
    assert [set_.id for set_ in described.metadata.record_sets][:2] == ["splits", "pairs"]
    assert len(described.metadata.file_objects) == len(facts.shards)
    for file in described.metadata.file_objects:
        assert storage.sha256_of_file(str(out / file.content_url)) == file.sha256
        assert file.content_size == f"{(out / file.content_url).stat().st_size} B"
    if facts.form is ExportFormat.PARQUET:  # of a tar's JSON files it reads none
        records = list(described.records("pairs"))
        splits = [record["pairs/split"] for record in records]
        assert {split: splits.count(split.encode()) for split in facts.pairs} == facts.pairs
        assert all(record["pairs/image"].size == (72, 64) for record in records)


def test_the_card_and_the_description_say_the_same(exported: tuple[Path, DataFacts]) -> None:
    out, facts = exported
    card, described = (out / "README.md").read_text(), json.loads((out / "croissant.json").read_text())
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == ["cc-by-4.0", "mit"]
    assert (front["language"], described["inLanguage"]) == (["en"], "en")
    examples = {split["name"]: split["num_examples"] for split in front["dataset_info"]["splits"]}
    [splits] = [each for each in described["recordSet"] if each["@id"] == "splits"]
    assert examples == facts.pairs == {row["splits/name"]: row["splits/pairs"] for row in splits["data"]}
    assert described["license"] == ["MIT", "CC BY 4.0"]
    assert described["creator"]["name"] == "A. Person"
    said = ["screen_captions: 31 rows in, 30 out; rejected: too_short 1", "webdataset (webdataset; MIT): 20 pairs"]
    for line in [facts.description, *facts.step_lines, *facts.source_lines, *facts.limits, *said]:
        assert line in card
        assert line in json.dumps(described, ensure_ascii=False)
    began, ended = described["rai:dataCollectionTimeframe"]
    assert began <= ended <= facts.published.isoformat()


def test_what_is_not_known_is_not_said(exported: tuple[Path, DataFacts]) -> None:
    _, facts = exported
    bare = replace(facts, steps=(), sources=(), kinds={}, collected=None, image_side=None, code=None)
    assert "rai:dataCollectionTimeframe" not in croissant(bare)
    assert "inLanguage" not in croissant(bare)
    assert "Collected from" not in data_card(bare)


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("MIT", "mit"),
        ("https://opensource.org/license/mit", "mit"),
        ("CC BY 4.0", "cc-by-4.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/2.0/", "cc-by-nc-sa-2.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
        ("licence not stated", "other"),
        ("All rights reserved", "other"),
    ],
)
def test_licences_have_the_names_of_the_hub(stated: str, name: str) -> None:
    assert hub_licence(stated) == name


def test_a_folder_that_holds_something_is_refused(packed: tuple[Artifact, Settings, Path], tmp_path: Path) -> None:
    pairs, settings, _ = packed
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for out in (tmp_path / "full", tmp_path / "full" / "mine.txt"):
        with pytest.raises(ConfigError, match="holds something already: name a new folder"):
            export_pairs(pairs, str(out), ExportFormat.PARQUET, "", settings)
    (tmp_path / "empty").mkdir()
    told: list[Progress] = []
    export_pairs(pairs, str(tmp_path / "empty"), ExportFormat.PARQUET, "", settings, told.append)
    assert [(progress.done, progress.total) for progress in told] == [(done, 6) for done in range(7)]


def test_an_export_that_fails_leaves_no_folder(
    packed: tuple[Artifact, Settings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, settings, _ = packed

    def broken(*_: object) -> None:
        assert [path.name for path in tmp_path.iterdir()] == [f".set.{os.getpid()}.tmp"]
        raise DamagedArtifactError("a shard is damaged")

    monkeypatch.setattr(folder, "data_facts", broken)
    with pytest.raises(DamagedArtifactError):
        export_pairs(pairs, str(tmp_path / "set"), ExportFormat.PARQUET, "", settings)
    assert list(tmp_path.iterdir()) == []


def test_equal_pairs_give_equal_shards(
    packed: tuple[Artifact, Settings, Path], exported: tuple[Path, DataFacts], tmp_path: Path
) -> None:
    pairs, settings, _ = packed
    _, facts = exported
    again = export_pairs(pairs, str(tmp_path / "set"), facts.form, "A. Person", settings)
    assert again.shards == facts.shards


@pytest.mark.end_to_end
def test_dask_workers_write_the_same_shards(
    packed: tuple[Artifact, Settings, Path], exported: tuple[Path, DataFacts], tmp_path: Path
) -> None:
    pairs, settings, _ = packed
    _, facts = exported
    on_dask = settings.model_copy(update={"dask_workers": 2})
    assert export_pairs(pairs, str(tmp_path / "set"), facts.form, "A. Person", on_dask).shards == facts.shards


def test_few_pairs_are_in_memory_at_a_time(
    packed: tuple[Artifact, Settings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, settings, _ = packed
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", 5)
    facts = export_pairs(pairs, str(tmp_path / "set"), ExportFormat.PARQUET, "", settings)
    for shard in facts.shards:
        about = pq.ParquetFile(tmp_path / "set" / shard.path).metadata
        assert [about.row_group(group).num_rows for group in range(about.num_row_groups)][:-1] == [5] * (
            about.num_row_groups - 1
        )
        assert (about.num_rows, about.row_group(0).column(0).compression) == (shard.rows, "UNCOMPRESSED")


def test_a_killed_export_leaves_no_folder_and_the_next_one_sweeps(
    packed: tuple[Artifact, Settings, Path], tmp_path: Path
) -> None:
    pairs, settings, _ = packed
    out = tmp_path / "set"
    code = (
        "import os, signal; from tasks.engine.artifact import Artifact; from tasks.export import folder\n"
        "folder.data_facts = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # all shards are written then\n"
        f"pairs = Artifact.model_validate({pairs.model_dump()!r})\n"
        f"settings = folder.Settings.model_validate({settings.model_dump()!r})\n"
        f"folder.export_pairs(pairs, {str(out)!r}, folder.ExportFormat.PARQUET, '', settings)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code])
    assert child.wait() == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [f".set.{child.pid}.tmp"]
    export_pairs(pairs, str(out), ExportFormat.PARQUET, "", settings)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
