"""A picture that is taken down is in no later run, and nothing that it does not touch is made again."""

from pathlib import Path

import pytest
from support.finished_run import emoji_pairs
from support.tables import rows

from flows import recipes
from flows.changes import assigned
from flows.config import PipelineConfig
from flows.pipeline import dataset
from flows.plan import plan
from flows.run import DirectRun
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.stage import Observer, Outcome, Stage
from tasks.settings import Settings
from tasks.takedown.record import add_to_record
from tasks.takedown.takedowns import takedown_of

ELSEWHERE = "https://elsewhere.example/1.jpg"


class Made(Observer):
    """The stages that were not reused."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def finished(self, stage: Stage, outcome: Outcome) -> None:
        if not outcome.reused:
            self.stages.append(stage.name)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, pair in enumerate(emoji_pairs(8)):
        (folder / f"{number}.png").write_bytes(pair["image"])
        (folder / f"{number}.txt").write_text(f"a small picture of a {pair['caption']}")
    return folder


@pytest.fixture
def config(photos: Path) -> PipelineConfig:
    return assigned(recipes.smoke(), [f"source={photos}", "screen_captions.min_confidence=0"])


def run(settings: Settings, config: PipelineConfig) -> tuple[Artifact, list[str]]:
    """The packed pairs, and the stages that were made for them."""
    made = Made()
    return dataset(DirectRun(settings, [made]), config), made.stages


def pairs(packed: Artifact) -> dict[str, list[dict]]:
    return {split: rows(packed, split) for split in ("train", "val")}


def take_down(settings: Settings, *named: str) -> None:
    add_to_record(settings.root, [takedown_of(each) for each in named])


@pytest.mark.end_to_end  # img2dataset's process stays with this one
def test_what_is_taken_down_is_left_out_without_fetching_anything_again(
    settings: Settings, config: PipelineConfig, photos: Path
) -> None:
    before, _ = run(settings, config)

    take_down(settings, ELSEWHERE)
    packed, made = run(settings, config)
    assert (packed, made) == (before, ["match_takedowns"])

    take_down(settings, "folder:///3.png")
    without, made = run(settings, config)
    assert made == ["match_takedowns", "match_takedowns", "pack"]  # once for all of the record, once for what it needs
    assert [(r["url"], r["reason"]) for r in rows(without, "rejects")] == [("folder:///3.png", "taken_down")]
    assert pairs(without) == {
        split: [row for row in rows_before if row["url"] != "folder:///3.png"]
        for split, rows_before in pairs(before).items()
    }
    counts = without.manifest().counts
    assert (counts.rows_in, counts.rows_out, counts.rejected) == (8, 7, {"taken_down": 1})

    take_down(settings, "other.example")
    packed, made = run(settings, config)
    assert (packed, made) == (without, ["match_takedowns"])
    assert run(settings, config) == (without, [])


@pytest.mark.end_to_end
def test_a_file_of_a_folder_is_known_by_its_own_digest_and_by_that_of_the_stored_image(
    settings: Settings, config: PipelineConfig, photos: Path
) -> None:
    before, _ = run(settings, config)
    stored = {storage.sha256(row["image"]): row["url"] for split in pairs(before).values() for row in split}
    file = storage.sha256((photos / "3.png").read_bytes())
    assert file not in stored
    other = next(digest for digest, url in stored.items() if url != "folder:///3.png")
    take_down(settings, file, other)
    without, _ = run(settings, config)
    assert {row["url"]: row["detail"] for row in rows(without, "rejects")} == {
        "folder:///3.png": f"sha256 {file}",
        stored[other]: f"sha256 {other}",
    }


def test_a_record_changes_the_addresses_of_what_follows_the_comparison_alone(settings: Settings) -> None:
    before = plan(recipes.demo(), settings)
    take_down(settings, ELSEWHERE)
    after = plan(recipes.demo(), settings)
    assert after[:5] == before[:5]
    assert after[5].stage == "match_takedowns"
    assert [artifact.stage for artifact in after[6:]] == [artifact.stage for artifact in before[5:]]
    assert not {artifact.address for artifact in after[6:]} & {artifact.address for artifact in before}


@pytest.mark.end_to_end
@pytest.mark.usefixtures("prefect_server")
def test_with_prefect_it_is_the_same(settings: Settings, config: PipelineConfig, photos: Path, tmp_path: Path) -> None:
    from flows.deployments import ingest

    elsewhere = settings.model_copy(update={"root": str(tmp_path / "elsewhere")})
    for place in (settings, elsewhere):
        take_down(place, "folder:///3.png", ELSEWHERE)
    plainly, _ = run(elsewhere, config)
    changes = {"source": str(photos), "screen_captions.min_confidence": 0}
    assert ingest("smoke", changes, settings).address == plainly.address
