"""The stage reads compositions from samples, where the corpus shows compositions, and says how far it can."""

import pyarrow.parquet as pq
import pytest
from support.compositions import SHORT, pairs_of, small_corpus
from support.finished_run import FEW_CHOICES, FinishedRun, evaluated, finished_run
from support.tiny_models import tiny_ranker

from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.evaluate.compositions.metric import Compositions
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.report.config import Config as ReportConfig
from tasks.report.facts import gather
from tasks.report.page import render
from tasks.settings import Settings

CONFIG = FEW_CHOICES.model_copy(update={"judge": SHORT})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> FinishedRun:
    """Two of four samples of each prompt show its picture, the others a training picture."""
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)
    return finished_run(settings, packed=(pairs_of("train"), pairs_of("validation", captions=1)))


@pytest.fixture(scope="module")
def evaluation(run) -> Artifact:
    return evaluated(run, CONFIG, ranker=tiny_ranker(run.settings))


@pytest.fixture(scope="module")
def figures(evaluation) -> Compositions:
    return Evaluation.model_validate_json(storage.read_bytes(evaluation.file(METRICS))).compositions


def test_samples_of_the_right_picture_are_right_and_those_of_others_are_not(figures) -> None:
    assert figures.unseen.best.value >= 0.9
    assert figures.unseen.worst.value <= 0.1
    assert figures.unseen.every.value == pytest.approx(0.5, abs=0.06)
    assert figures.seen.best.value >= 0.85


def test_a_picture_of_several_captions_is_the_right_one_for_each_of_them(evaluation) -> None:
    seen = Evaluation.model_validate_json(storage.read_bytes(evaluation.file(METRICS))).hits.seen
    assert (seen.best.value, seen.worst.value) == (1, 0)


def test_things_that_no_training_picture_shows_are_counted_apart(figures) -> None:
    new = [each for each in small_corpus().compositions if {*each.scene.things} & {*small_corpus().unseen}]
    held_out = [each for each in small_corpus().compositions if each.split == "validation"]
    assert figures.new_things.first.n == len(new)
    assert figures.unseen.first.n == len(held_out) - len(new)
    assert figures.new_things.word_search.value == 0


def test_searches_find_training_captions_but_only_parts_of_what_no_training_picture_shows(figures) -> None:
    assert figures.seen.word_search.value >= 0.9
    assert figures.unseen.word_search.value == figures.unseen.ranker_search.value == 0
    assert figures.skills_word_search.colour.value > 0
    assert figures.skills_ranker_search.colour.n == figures.skills_unseen.colour.n


def test_the_judge_is_tried_on_pictures_it_was_not_fitted_to(figures) -> None:
    new = sum(bool({*each.scene.things} & {*small_corpus().unseen}) for each in small_corpus().compositions)
    held_out = sum(each.split == "validation" for each in small_corpus().compositions)
    assert figures.judge.originals.n == held_out - (new + 1) // 2
    assert figures.judge.originals.value >= 0.9
    assert figures.judge.rebuilt.value < 0.5  # the image tokenizer of this run is untrained
    assert figures.judge.false_accepts.value < 0.02
    assert figures.judge.blobs.value < 0.2


def test_each_sample_has_what_was_read_and_what_is_wrong(evaluation) -> None:
    judged = [row for uri in evaluation.files("judged") for row in pq.read_table(uri).to_pylist()]
    apple, cat_face = ([row for row in judged if row["prompt"] == prompt] for prompt in ("a red apple", "a cat face"))
    assert all(row["read"] and row["asked"] == ["thing"] and row["wrong"] is not None for row in apple)
    assert all(row["read"] is row["asked"] is row["wrong"] is None for row in cat_face)


def test_the_page_shows_seen_and_unseen_first_and_what_was_read_below_drawings(run, evaluation) -> None:
    page = render(ReportConfig(), gather([evaluation]))
    assert page.index("Right composition, seen / unseen, first drawn") < page.index("Right picture, training captions")
    assert "read: red apple on" in page or "read: cat on" in page


def test_a_corpus_of_other_pictures_has_no_judge(settings) -> None:
    artifact = evaluated(finished_run(settings))
    assert Evaluation.model_validate_json(storage.read_bytes(artifact.file(METRICS))).compositions is None
    assert not [name for name in artifact.manifest().metrics if name.startswith("composed")]
    judged = [row for uri in artifact.files("judged") for row in pq.read_table(uri).to_pylist()]
    assert all(row["read"] is None for row in judged)
