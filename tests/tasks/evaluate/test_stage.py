"""What the evaluation says of samples whose quality is known beforehand."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.finished_run import FinishedRun, evaluated, finished_run, table

from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Shard
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.hits import HitRate
from tasks.settings import Settings


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("run")
    return finished_run(Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0))


@pytest.fixture(scope="module")
def evaluation(run) -> Artifact:
    return evaluated(run)


def figures_of(artifact: Artifact) -> Evaluation:
    return Evaluation.model_validate_json(storage.read_bytes(artifact.file(METRICS)))


def rates(rate: HitRate) -> tuple[float, ...]:
    return (rate.best.value, rate.first.value, rate.worst.value, rate.any.value)


def test_perfect_samples_all_hit(settings):
    hits = figures_of(evaluated(finished_run(settings, hit=lambda prompt, rank: True))).hits
    assert rates(hits.seen) == rates(hits.unseen) == (1, 1, 1, 1)
    assert hits.seen.chance.value == pytest.approx(1 / 24)
    assert hits.unseen.chance.value == pytest.approx(1 / 30)


def test_samples_of_other_pictures_never_hit(settings):
    hits = figures_of(evaluated(finished_run(settings, hit=lambda prompt, rank: False))).hits
    assert rates(hits.seen) == rates(hits.unseen) == (0, 0, 0, 0)
    assert hits.seen.best.high < 0.4


def test_a_held_out_drawing_of_the_true_picture_is_nearer_to_it_than_other_pictures(settings):
    run = finished_run(settings, hit=lambda prompt, rank: rank == 0)
    distance = figures_of(evaluated(run)).true_distance
    others = (distance.first, distance.word_search, distance.other_images)
    assert distance.best.value < 25 < min(other.value for other in others)


def test_further_captions_of_the_same_images_change_no_figure_of_pictures(settings):
    """Else the drawing of one caption would count as a miss when another caption of its image comes first by id."""
    run = finished_run(settings, hit=lambda prompt, rank: rank == 0)
    before = figures_of(evaluated(run))
    packed = {}
    for split, pairs in (("train", run.train), ("val", run.val)):
        further = [{**pair, "pair_id": f"!{pair['pair_id'][1:]}", "caption": "another caption"} for pair in pairs]
        packed[split] = table([*further, *pairs], schemas.PAIRS)
    run.finish("pack", lambda output: output.map(lambda item: item, [Shard(60, packed)]), "dedup")
    after = figures_of(evaluated(run))
    assert (after.hits, after.reconstruction, after.train_images) == (before.hits, before.reconstruction, 24)
    assert after.hits.seen.best.value == 1


def test_every_sample_and_every_held_out_image_is_accounted_for(evaluation):
    counts = evaluation.manifest().counts
    assert (counts.rows_in, counts.rows_out, counts.rejected) == (16 * 4 + 6, 16 * 4 + 6, {})


def test_fixed_prompts_have_a_nearest_picture_but_no_right_one(evaluation):
    judged = pq.read_table(evaluation.files("judged")[0]).to_pylist()
    fixed = [row for row in judged if row["group"] == "fixed"]
    assert len(fixed) == 8
    assert all(row["is_hit"] is None and row["true_mse"] is None and row["nearest_pair_id"] for row in fixed)


def test_equal_runs_give_equal_bytes(settings, tmp_path):
    again = settings.model_copy(update={"root": str(tmp_path / "again"), "work_dir": str(tmp_path / "work2")})
    first, second = (evaluated(finished_run(where)).manifest() for where in (settings, again))
    assert first.outputs == second.outputs
    assert first.metrics == second.metrics


def test_without_held_out_pairs_the_rest_is_still_measured(settings):
    figures = figures_of(evaluated(finished_run(settings, val=0)))
    assert figures.hits.unseen is figures.true_distance is figures.reconstruction is figures.codes.val is None
    assert figures.hits.seen.best.value == 1


def test_a_generator_without_codes_is_measured_by_its_pictures(settings):
    artifact = evaluated(finished_run(settings, tokenizer=None))
    figures = figures_of(artifact)
    assert figures.codes is figures.reconstruction is None
    assert figures.hits.seen.best.value == 1
    assert figures.memorisation.copies is not None
    assert artifact.manifest().metrics == {"hit_rate_best": 1, "hit_rate_first": figures.hits.seen.first.value}


def test_the_headline_is_flat_numbers(evaluation):
    names = {"hit_rate_best", "hit_rate_first", "psnr_db", "ssim", "codes_used", "vocab_size"}
    metrics = evaluation.manifest().metrics
    assert set(metrics) == names
    assert all(isinstance(value, int | float) for value in metrics.values())


def test_reconstructions_hold_both_pictures_and_the_codes_between(evaluation):
    rows = pq.read_table(evaluation.files("reconstructions")[0]).to_pylist()
    assert [row["pair_id"] for row in rows] == [f"{i:016x}" for i in range(24, 30)]
    assert all(len(row["codes"]) == 2 * 16 and row["original"][:4] == row["reconstruction"][:4] for row in rows)


def test_code_usage_counts_the_tokens_the_prior_learns_from(run, evaluation):
    stored = b"".join(schemas.read_table(run.artifacts["extract"].files("train")[0])["codes"].to_pylist())
    own = np.frombuffer(stored, "<u2")
    codes = figures_of(evaluation).codes
    assert codes.vocab_size == 64
    assert (codes.train.used, codes.train.total) == (len(np.unique(own)), len(own))


def test_metrics_are_strict_json(evaluation):
    text = storage.read_bytes(evaluation.file("metrics.json")).decode()
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in metrics.json"))


def test_reconstructions_that_are_not_faithful_are_not_recognised(evaluation):
    recognised = figures_of(evaluation).reconstruction.recognised
    assert recognised.n == 6
    assert recognised.value < 0.5  # the image tokenizer of this run is untrained
