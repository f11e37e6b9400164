"""What the evaluation says of samples whose quality is known beforehand."""

import json
import math
import pickle

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.finished_run import FinishedRun, drawn_like, evaluated, finished_run, table

from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Shard
from tasks.evaluate.nearest import Questions, scan, scan_shard, squared_distances, thumbnails
from tasks.evaluate.rebuild import psnr_db, ssim
from tasks.settings import Settings


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("run")
    return finished_run(Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0))


@pytest.fixture(scope="module")
def evaluation(run) -> Artifact:
    return evaluated(run)


def figures_of(artifact: Artifact) -> dict:
    return storage.read_json(artifact.file("metrics.json"))


def rates(figures: dict, group: str = "train_prompts") -> dict:
    return {name: estimate["value"] for name, estimate in figures[group]["hit_rate"].items()}


def test_perfect_samples_all_hit(settings):
    figures = figures_of(evaluated(finished_run(settings, hit=lambda prompt, rank: True)))
    assert rates(figures) == {"best": 1, "first": 1, "worst": 1, "any": 1}
    assert rates(figures, "val_prompts") == {"best": 1, "first": 1, "worst": 1, "any": 1}
    assert figures["train_prompts"]["chance"] == pytest.approx(1 / 24)
    assert figures["val_prompts"]["chance"] == pytest.approx(1 / 30)


def test_samples_of_other_pictures_never_hit(settings):
    figures = figures_of(evaluated(finished_run(settings, hit=lambda prompt, rank: False)))
    assert rates(figures) == {"best": 0, "first": 0, "worst": 0, "any": 0}
    assert figures["train_prompts"]["hit_rate"]["best"]["high"] < 0.4


def test_a_ranker_that_finds_the_one_right_sample_earns_the_whole_gain(settings):
    known = figures_of(evaluated(finished_run(settings, hit=lambda prompt, rank: rank == 0)))["train_prompts"]
    assert rates({"train_prompts": known}) == {"best": 1, "first": 0, "worst": 0, "any": 1}
    assert known["gain_of_reranking"]["value"] == 1
    assert [point["by_score"]["value"] for point in known["best_of"]] == [0.25, 0.5, 1.0]


def test_a_held_out_drawing_of_the_true_picture_is_nearer_to_it_than_other_pictures(settings):
    run = finished_run(settings, hit=lambda prompt, rank: rank == 0)
    distances = {name: value["value"] for name, value in figures_of(evaluated(run))["val_prompts"]["true_mse"].items()}
    assert distances["best"] < 0.01 < min(distances["first"], distances["word_search"], distances["other_images"])


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
    assert figures["val_prompts"] == figures["reconstruction"] == figures["codes"]["val"] == {}
    assert rates(figures)["best"] == 1


def test_reconstructions_hold_both_pictures_and_the_codes_between(evaluation):
    rows = pq.read_table(evaluation.files("reconstructions")[0]).to_pylist()
    assert [row["pair_id"] for row in rows] == [f"{i:016x}" for i in range(24, 30)]
    assert all(len(row["codes"]) == 2 * 16 and row["original"][:4] == row["reconstruction"][:4] for row in rows)


def test_code_usage_counts_the_tokens_the_prior_learns_from(run, evaluation):
    codes = figures_of(evaluation)["codes"]
    stored = b"".join(schemas.read_table(run.artifacts["extract"].files("train")[0])["codes"].to_pylist())
    own = np.frombuffer(stored, "<u2")
    assert codes["vocab_size"] == 64
    assert codes["train"]["used"] == len(np.unique(own))
    assert codes["train"]["counts"] == np.bincount(own, minlength=64).tolist()


def test_psnr_of_a_constant_difference_is_the_closed_form():
    grey = np.full((16, 16, 3), 100, np.uint8)
    assert psnr_db(grey, grey + np.uint8(10)) == pytest.approx(20 * math.log10(255 / 10))
    assert psnr_db(grey, grey) == pytest.approx(20 * math.log10(255 / 0.5))


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    noise = np.random.default_rng(0)
    picture = noise.integers(0, 255, (32, 32, 3)).astype(np.uint8)
    worse = np.clip(picture + noise.normal(0, 40, picture.shape), 0, 255).astype(np.uint8)
    assert ssim(picture, picture) == pytest.approx(1)
    assert 0.2 < ssim(picture, worse) < 0.95


def test_distances_are_exact():
    left, right = np.random.default_rng(0).integers(0, 256, (2, 5, 768)).astype(np.uint8)
    expected = [[int(((a.astype(int) - b.astype(int)) ** 2).sum()) for b in right] for a in left]
    assert squared_distances(left, right).tolist() == expected


def test_the_nearest_picture_does_not_depend_on_how_the_corpus_is_cut(run):
    shards = [Shard(12, {"train": table(half, schemas.PAIRS)}) for half in (run.train[12:], run.train[:12])]
    cut = run.finish("cut", lambda output: output.map(lambda shard: shard, shards))
    queries = thumbnails([drawn_like(pair, 1.0) for pair in run.train + run.val])
    questions = Questions(queries, (run.train[0]["caption"],), frozenset({run.train[0]["pair_id"]}))
    whole = scan(run.artifacts["pack"].files("train"), questions, run.settings)
    parts = scan(cut.files("train"), questions, run.settings)
    assert parts.nearest.pair_ids.tolist() == whole.nearest.pair_ids.tolist()
    assert parts.rows == whole.rows == 24
    assert parts.found_by_words[run.train[0]["caption"]].pair_id == run.train[0]["pair_id"]


def test_of_two_equal_pictures_the_lower_id_is_named(run):
    twins = [{**run.train[0], "pair_id": pair_id} for pair_id in ("b" * 16, "a" * 16)]
    shard = Shard(2, {"train": table(twins, schemas.PAIRS)})
    pair = run.finish("twins", lambda output: output.map(lambda item: item, [shard]))
    questions = Questions.about([thumbnails([run.train[0]["image"]])])
    assert scan_shard(questions, pair.files("train")[0]).nearest.pair_ids.tolist() == ["a" * 16]


def test_the_work_of_a_shard_can_travel_to_a_worker(run):
    questions = Questions.about([thumbnails([run.train[0]["image"]])])
    answer = scan_shard(questions, run.artifacts["pack"].files("train")[0])
    assert pickle.loads(pickle.dumps(answer)).rows == 24


def test_metrics_are_strict_json(evaluation):
    text = storage.read_bytes(evaluation.file("metrics.json")).decode()
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in metrics.json"))


def test_faithful_reconstructions_are_recognised_and_others_are_not(evaluation):
    figures = figures_of(evaluation)
    assert figures["reconstruction"]["recognised"]["n"] == 6
    assert figures["reconstruction"]["recognised"]["value"] < 0.5  # the dVAE of this run is untrained
    assert len(figures["memorisation"]["counts"]["held_out_rebuilt"]) == 24
