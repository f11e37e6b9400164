"""A training that starts from a trained prior: it begins where that one ended, learns, and resumes like any other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from models.prior import train as trainer
from models.prior.train import PriorJob, PriorLearner, train
from models.training.checkpoint import read_tensors
from models.training.distributed import Ranks
from models.training.errors import CheckpointError, ResumeMismatchError
from models.training.loop import Batch
from models.training.randomness import Step

Job = Callable[..., dict[str, Any]]
CODES = 11  # of the prior in these jobs
WHOLE = {"batch_size": 8, "bpe_dropout": 0.0, "activation_checkpointing": False}  # all rows of the shard in each step


class EndedError(Exception):
    """Ends a run in the middle."""


class Ended(PriorLearner):
    """Ends its run in the ninth step."""

    def forward(self, batch: Batch, step: Step) -> dict[str, torch.Tensor]:
        if step.number == 8:
            raise EndedError
        return super().forward(batch, step)


def trained(content: dict[str, Any]) -> dict[str, Any]:
    """The metrics of a run."""
    train(PriorJob.model_validate(content), Ranks())
    metrics: dict[str, Any] = json.loads((Path(content["out"]) / "done.json").read_text())["metrics"]
    return metrics


def losses(content: dict[str, Any]) -> list[float]:
    """The logged losses of a run."""
    lines = (Path(content["out"]) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def weights(folder: str) -> dict[str, torch.Tensor]:
    return read_tensors(Path(folder) / "weights.safetensors")[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the prior lies that the trainings start from, once it is trained."""
    return tmp_path_factory.mktemp("finished") / "prior"


@pytest.fixture
def finished(prior_job: Job, made: Path) -> dict[str, Any]:
    """The job of a prior that knows its eight pairs rather well."""
    job = prior_job(**WHOLE | {"steps": 60, "learning_rate": 1e-2, "ema_decay": 0.9, "log_every": 50})
    job["out"] = str(made)
    if not made.exists():
        assert trained(job)["train_loss"] < 0.8 * losses(job)[0]
    return job


def test_it_begins_at_the_loss_where_the_finished_one_ended(prior_job: Job, finished: dict[str, Any]) -> None:
    ended = json.loads((Path(finished["out"]) / "done.json").read_text())["metrics"]["train_loss"]
    again = prior_job("again", **WHOLE) | {"start_from": finished["out"]}
    trained(again)
    assert losses(again)[0] == pytest.approx(ended, rel=1e-5)
    from_nothing = prior_job("from nothing", **WHOLE)
    trained(from_nothing)
    assert losses(from_nothing)[0] > 1.2 * ended


def test_it_learns_other_pairs(prior_job: Job, finished: dict[str, Any], tmp_path: Path) -> None:
    shard = tmp_path / "other.parquet"
    table = pq.read_table(finished["data"]["train"][0])
    codes = np.random.default_rng(1).integers(0, CODES, (len(table), 9)).astype("<u2")
    column = pa.array([row.tobytes() for row in codes], pa.binary(18))
    pq.write_table(table.set_column(table.column_names.index("codes"), "codes", column), shard)
    job = prior_job("other", **WHOLE | {"steps": 60, "learning_rate": 1e-2, "ema_decay": 0.9})
    job |= {"start_from": finished["out"], "data": job["data"] | {"train": [str(shard)]}}
    ended = trained(job)["train_loss"]
    assert ended < 0.8 * losses(job)[0]


def test_the_average_of_the_weights_begins_with_those_it_starts_from(prior_job: Job, finished: dict[str, Any]) -> None:
    job = prior_job("still", **WHOLE | {"steps": 3, "learning_rate": 1e-9, "final_learning_rate": 0.0})
    trained(job | {"start_from": finished["out"]})
    began, ended = weights(finished["out"]), weights(job["out"])
    assert max(float((began[name] - ended[name]).abs().max()) for name in began) < 1e-6


def test_one_that_is_ended_in_the_middle_goes_on_with_the_same_bits(
    prior_job: Job, finished: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = WHOLE | {"steps": 12, "checkpoint_every": 3, "log_every": 1}
    whole, broken = (prior_job(name, **settings) | {"start_from": finished["out"]} for name in ("whole", "broken"))
    trained(whole)
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "PriorLearner", Ended)
        with pytest.raises(EndedError):
            trained(broken)
    moved = shutil.copytree(finished["out"], tmp_path / "elsewhere" / Path(finished["out"]).name)
    trained(broken | {"start_from": str(moved)})
    one, other = weights(whole["out"]), weights(broken["out"])
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert losses(whole) == losses(broken)


def test_a_run_from_nothing_is_not_taken_up_by_one_with_a_start(prior_job: Job, finished: dict[str, Any]) -> None:
    job = prior_job("again", **WHOLE)
    trained(job)
    with pytest.raises(ResumeMismatchError):
        trained(job | {"start_from": finished["out"]})


def test_a_prior_of_another_shape_is_refused(prior_job: Job, finished: dict[str, Any]) -> None:
    job = prior_job("wider", **WHOLE)
    job |= {"start_from": finished["out"], "model": job["model"] | {"width": 32}}
    with pytest.raises(CheckpointError, match=r"(?s)weights\.safetensors.*is of another size"):
        trained(job)
