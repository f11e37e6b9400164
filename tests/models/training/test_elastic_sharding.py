"""A sharded run goes on in any other mode and on any other number of ranks."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.forked_ranks import ended, start, train_job

from models.training.checkpoint import read_tensors

Job = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.end_to_end


def _run(world: int, job: dict[str, Any], mode: str, until: int) -> None:
    """Train on so many ranks, and leave what a kill after the step `until` leaves."""
    sharding = {"mode": mode, "shard_ranks": 2 if mode == "hsdp" else None}
    assert ended(start(world, train_job, name="prior", job=job | {"sharding": sharding}, batch=4)) == [0] * world
    out = Path(job["out"])
    for path in (out / "checkpoints").glob("step-*"):
        if int(path.name.removeprefix("step-")) > until:
            shutil.rmtree(path)
    if until < job["training"]["steps"]:
        (out / "done.json").unlink()


def test_a_run_that_moves_between_modes_and_numbers_of_ranks_ends_with_the_weights_of_one(prior_job: Job) -> None:
    settings = {"steps": 10, "batch_size": 8, "checkpoint_every": 2, "keep_checkpoints": 99, "eps": 1e-4}
    settings |= {"validate_every": 3, "clip_second_moment": 0.02, "ema_every": 2}
    alone, moved = prior_job("alone", **settings), prior_job("moved", **settings)
    _run(1, alone, "ddp", 10)
    _run(4, moved, "fsdp", 2)
    newest = Path(moved["out"]) / "checkpoints" / "step-000000002"
    assert len(list(newest.glob("*.safetensors"))) == 4
    _run(2, moved, "fsdp", 4)
    _run(1, moved, "ddp", 6)
    _run(4, moved, "hsdp", 8)
    _run(2, moved, "ddp", 10)
    ours, theirs = (read_tensors(Path(job["out"]) / "weights.safetensors")[0] for job in (moved, alone))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, atol=1e-5, rtol=0, msg=lambda m, n=name: f"{n}: {m}")
