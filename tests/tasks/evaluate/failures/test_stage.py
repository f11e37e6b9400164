"""The stage looks at the losses and the attention of a real, untrained prior, and does without where there is none."""

from math import log

import numpy as np
import pytest
from support.finished_run import FEW_CHOICES, FinishedRun, finished_run
from support.tiny_models import CODES, GRID, tiny_generator, write_tokenizer

from tasks import schemas
from tasks.checkpoints import generator_of
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.stage import evaluate
from tasks.report.config import Config
from tasks.report.facts import gather
from tasks.report.page import render
from tasks.settings import Settings


def tiny_tokenizer(output: Output) -> None:
    """That of the tiny generator, as train_dvae writes it."""
    write_tokenizer(output.scratch)
    for file in sorted(output.scratch.iterdir()):
        output.write(file.name, file.read_bytes())
    output.metrics["vocab_size"] = CODES


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)
    run = finished_run(settings, val=12, train_prompts=4)
    run.finish("train_dvae", tiny_tokenizer, "pack")
    return run


def evaluated(run: FinishedRun, **models: Artifact) -> Artifact:
    inputs = {"pairs": run.artifacts["pack"], "scores": run.artifacts["rerank"]}
    return evaluate(FEW_CHOICES, run.settings, **inputs, **models).artifact


@pytest.fixture(scope="module")
def evaluation(run) -> Artifact:
    return evaluated(run, tokenizer=run.artifacts["train_dvae"], generator=tiny_generator(run.settings))


def figures_of(artifact: Artifact) -> Evaluation:
    return Evaluation.model_validate_json(storage.read_bytes(artifact.file(METRICS)))


def test_the_losses_are_those_of_the_prior_on_the_codes_of_held_out_pictures(run, evaluation) -> None:
    rows = schemas.read_table(evaluation.files("reconstructions")[0]).to_pylist()
    codes = np.stack([np.frombuffer(row["codes"], "<u2") for row in rows])
    expected = generator_of(tiny_generator(run.settings), run.settings).position_losses(
        [row["caption"] for row in rows], codes
    )
    found = figures_of(evaluation).failures.losses
    assert found.image.value == pytest.approx(expected.image.mean(), rel=1e-5)
    assert found.image.value == pytest.approx(log(CODES), rel=0.1)  # it is untrained
    assert np.array(found.places.rows).ravel() == pytest.approx(expected.image.mean(0), rel=1e-5)
    assert found.rows.lines[0].y == pytest.approx(expected.image.mean(0).reshape(GRID, GRID).mean(1), rel=1e-5)
    assert found.positions.lines[0].x[0] == 2
    assert found.positions.lines[0].y == pytest.approx(np.nanmean(expected.text, 0)[: len(found.positions.lines[0].y)])


def test_the_error_by_place_is_the_mean_squared_error_of_the_reconstructions(evaluation) -> None:
    detail = figures_of(evaluation).failures.detail
    error = np.mean((np.array(detail.places.rows) / 255) ** 2)
    rows = schemas.read_table(evaluation.files("reconstructions")[0], ["psnr_db"]).to_pylist()
    assert error == pytest.approx(np.mean([10 ** (-row["psnr_db"] / 10) for row in rows]), rel=1e-4)


def test_the_attention_of_a_few_held_out_pairs_is_told_by_kind_of_layer(evaluation) -> None:
    pairs = figures_of(evaluation).failures.attention.pairs
    assert len(pairs) == 4
    for grid in pairs.values():
        assert set(grid.row_names) == {"row", "conv"}
        assert all(0 < sum(row) < 1 and len(row) == len(grid.column_names) for row in grid.rows)


def test_the_page_shows_where_it_fails_and_what_reranking_changes(evaluation) -> None:
    page = render(Config(), gather([evaluation]))
    for told in ("Where it fails", "What reranking changes", "Fewest right drawings", "Image, code by code"):
        assert told in page
    assert page.count('class="heat"') == 6


def test_without_the_generator_the_rest_is_told(run) -> None:
    failures = figures_of(evaluated(run, tokenizer=run.artifacts["train_dvae"])).failures
    assert failures.losses is failures.attention is None
    assert failures.detail is not None


def test_a_generator_without_codes_has_its_worst_prompts(settings) -> None:
    run = finished_run(settings, tokenizer=None)
    found = figures_of(evaluated(run, generator=run.artifacts["train_diffusion"])).failures
    assert found.worst.fewest_right is not None
    assert found.detail is found.losses is found.attention is None
