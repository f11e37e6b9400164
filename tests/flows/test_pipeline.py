"""The real data part of the DAG, on a folder of a few pictures: the same with Prefect and without."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.finished_run import emoji_pairs
from support.tables import rows
from support.tiny_models import write_published_clip

from flows import recipes
from flows.changes import assigned
from flows.pipeline import dataset
from flows.plan import plan, trained
from flows.run import DirectRun
from tasks.crawl.config import Config as CrawlConfig
from tasks.crawl.stage import crawl
from tasks.engine.artifact import Artifact, lineage
from tasks.errors import ConfigError
from tasks.settings import Settings

SPLITS = ("train", "val")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Eight captioned pictures, one of them with too short a caption."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, pair in enumerate(emoji_pairs(8)):
        (folder / f"{number}.png").write_bytes(pair["image"])
        (folder / f"{number}.txt").write_text(f"a small picture of a {pair['caption']}" if number else "no")
    return folder


def manifests(pairs: Artifact) -> dict[str, Any]:
    return {made.address: made.manifest().model_dump(exclude={"run"}) for made in lineage(pairs)}


@pytest.mark.end_to_end
@pytest.mark.usefixtures("prefect_server")
def test_the_dataset_is_the_same_with_prefect_and_without(settings: Settings, photos: Path, tmp_path: Path) -> None:
    from flows.deployments import ingest

    config = assigned(recipes.smoke(), [f"source={photos}", "screen_captions.min_confidence=0"])
    elsewhere = settings.model_copy(update={"root": str(tmp_path / "elsewhere")})
    plainly = manifests(dataset(DirectRun(elsewhere), config))
    changes = {"source": str(photos), "screen_captions.min_confidence": 0}
    assert manifests(ingest("smoke", changes, settings)) == plainly
    assert len(plainly) == 6
    [packed] = [manifest for address, manifest in plainly.items() if address.startswith("pack/")]
    assert packed["counts"]["rows_out"] == 7


@pytest.mark.end_to_end  # img2dataset's process stays with this one
def test_a_split_that_a_folder_states_is_that_of_the_packed_pairs(settings: Settings, photos: Path) -> None:
    for number in range(1, 8):
        split = photos / ("train" if number < 5 else "test")
        split.mkdir(exist_ok=True)
        for suffix in (".png", ".txt"):
            (photos / f"{number}{suffix}").rename(split / f"{number}{suffix}")
    config = assigned(recipes.smoke(), [f"source={photos}", "screen_captions.min_confidence=0"])
    packed = dataset(DirectRun(settings), config)
    names = {split: sorted(row["url"].removeprefix("folder:///") for row in rows(packed, split)) for split in SPLITS}
    assert names == {
        "train": [f"train/{number}.png" for number in range(1, 5)],
        "val": [f"test/{number}.png" for number in range(5, 8)],
    }


def test_a_plan_names_every_stage_once_and_writes_nothing(settings: Settings) -> None:
    stages = [artifact.stage for artifact in plan(recipes.demo(), settings)]
    assert len(stages) == len(set(stages)) == 16
    assert not Path(settings.root).exists()


def test_a_folder_is_hashed_once_for_the_stage_that_reads_it(
    settings: Settings, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    monkeypatch.setattr(CrawlConfig, "outside_state", lambda self: hashed.append(self) or "state")
    config = assigned(recipes.smoke(), [f"source={photos}"])
    assert not crawl(config.source, settings).reused
    assert crawl(config.source, settings).reused
    assert len(hashed) == 2


def test_the_tokenizer_that_is_asked_for_is_trained_and_no_other(settings: Settings) -> None:
    paper = [artifact.stage for artifact in plan(recipes.smoke(), settings)]
    other = [artifact.stage for artifact in plan(assigned(recipes.smoke(), ["tokenizer=vqgan"]), settings)]
    assert other == ["train_vqgan" if stage == "train_dvae" else stage for stage in paper]


def test_a_second_model_that_scores_changes_the_evaluation_and_what_follows_alone(
    settings: Settings, tmp_path: Path
) -> None:
    write_published_clip(tmp_path / "clip")
    without = plan(recipes.smoke(), settings)
    scored = plan(assigned(recipes.smoke(), [f"scorer.pretrained={tmp_path / 'clip'}"]), settings)
    assert [artifact.stage for artifact in scored] == [*(a.stage for a in without[:-2]), "scorer", "evaluate", "report"]
    assert scored[:-3] == without[:-2]
    assert scored[-2] != without[-2]


def test_the_ranker_cannot_be_named_to_score_its_own_choice() -> None:
    named = ["clip.pretrained=acme/clip", "scorer.pretrained=acme/clip"]
    with pytest.raises(ConfigError, match="reranking and scoring must not use the same model, so name another"):
        assigned(recipes.smoke(), named)


@pytest.mark.parametrize(
    ("probe", "missing"), [("text", r"set evaluate\.ocr=rapidocr too"), ("bias", r"name a CLIP in scorer\.pretrained")]
)
def test_a_probe_that_nothing_reads_is_refused(probe: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        assigned(recipes.smoke(), [f"sample.probes.{probe}=standard"])


def test_probes_are_switched_on_with_what_reads_them() -> None:
    named = ["sample.probes.text=standard", "evaluate.ocr=rapidocr", "sample.probes.bias=standard"]
    probes = assigned(recipes.smoke(), [*named, "scorer.pretrained=acme/clip"]).sample.probes
    assert [*probes.by_group] == ["words", "people"]


def test_a_tokenizer_of_no_known_kind_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^tokenizer: Input should be 'dvae' or 'vqgan'; it is \"vqvae\""):
        assigned(recipes.smoke(), ["tokenizer=vqvae"])


def test_a_changed_threshold_changes_that_stage_and_those_after_it(settings: Settings) -> None:
    before = plan(recipes.demo(), settings)
    after = plan(assigned(recipes.demo(), ["dedup.max_hash_distance=3"]), settings)
    changed = [a.stage for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [a.stage for a in before[4:]]


def test_the_error_for_untrained_models_names_the_first_missing_stage(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"not trained yet \(crawl is missing\): run `dalle run`"):
        trained(recipes.demo(), settings)


def test_a_scheduled_day_becomes_the_snapshot_of_live_sites_only() -> None:
    from flows.deployments import of_the_day

    day = datetime(2026, 11, 21, 3, tzinfo=UTC)
    demo = recipes.demo()
    live = assigned(demo, ["source=https://example.org"])
    named = assigned(live, ["source.snapshot=first"])
    assert of_the_day(live, day).source.snapshot == "2026-11-21"
    assert of_the_day(live, day) != live
    assert of_the_day(named, day) == named
    assert of_the_day(demo, day) == demo
    assert of_the_day(live, None) == live
