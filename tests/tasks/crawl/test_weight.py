"""A source with a weight gives that share of its images: always the same ones, each with all its captions."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from support.lists import written
from support.tables import rows
from support.web import picture

from tasks.crawl.config import Config
from tasks.crawl.stage import crawl
from tasks.engine.artifact import Artifact
from tasks.settings import Settings

CAPTIONS = 2


def crawled(settings: Settings, *sources: dict) -> Artifact:
    return crawl(Config.model_validate(list(sources)), settings).artifact


def urls(artifact: Artifact, source: str) -> set[str]:
    return {row["url"] for row in rows(artifact, "candidates") if row["source"] == source}


@pytest.fixture
def source(tmp_path: Path) -> dict:
    lines = [f"https://example.org/{n % 500}.jpg\ta picture number {n}" for n in range(CAPTIONS * 500)]
    return {"kind": "cc12m", "path": str(written(tmp_path / "a.tsv", *lines, "no pair"))}


def test_a_share_of_the_images_is_taken_and_the_others_are_rejects(settings: Settings, source: dict) -> None:
    artifact = crawled(settings, source | {"weight": 0.3})
    counts = artifact.manifest().counts
    assert counts.rows_in == CAPTIONS * 500 + 1
    assert 0.24 < counts.rows_out / counts.rows_in < 0.36
    left_out = [row for row in rows(artifact, "rejects") if row["reason"] == "left_out_by_weight"]
    assert counts.rejected == {"left_out_by_weight": len(left_out), "malformed_row": 1}
    assert {row["detail"] for row in left_out} == {"weight 0.3"}
    assert len(urls(artifact, "cc12m")) * CAPTIONS == counts.rows_out  # each with all its captions
    assert {row["url"] for row in left_out} & urls(artifact, "cc12m") == set()
    assert all(row["caption"].startswith("a picture number") and row["pair_id"] for row in left_out)


def test_a_larger_share_holds_the_smaller_one(settings: Settings, source: dict) -> None:
    taken = [urls(crawled(settings, source | {"weight": weight}), "cc12m") for weight in (0.2, 0.6, 1)]
    assert taken[0] < taken[1] < taken[2]
    assert len(taken[2]) == 500


def test_each_source_of_a_mixture_has_its_own_weight_and_a_folder_may_too(
    settings: Settings, source: dict, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.png").write_bytes(picture(number, (8, 8)))
        (folder / f"{number}.txt").write_text("one caption\nanother caption\n")
    mixed = crawled(settings, source, {"kind": "folder", "path": str(folder), "weight": 0.5})
    assert len(urls(mixed, "cc12m")) == 500
    assert 10 <= len(urls(mixed, "folder")) <= 30
    counts = mixed.manifest().counts
    assert counts.rejected["left_out_by_weight"] == CAPTIONS * (40 - len(urls(mixed, "folder")))


def test_without_a_weight_the_address_of_the_work_is_what_it_was(settings: Settings, source: dict) -> None:
    plain, whole, part = (
        crawl.artifact(Config.model_validate([source | weight]), settings).fingerprint
        for weight in ({}, {"weight": 1}, {"weight": 0.5})
    )
    assert plain == whole != part
    assert "weight" not in Config.model_validate([source]).fingerprinted()["sources"][0]


@pytest.mark.parametrize("weight", [0, -1, 1.5])
def test_more_than_all_or_nothing_is_refused(source: dict, weight: float) -> None:
    with pytest.raises(ValidationError, match="weight"):
        Config.model_validate([source | {"weight": weight}])
