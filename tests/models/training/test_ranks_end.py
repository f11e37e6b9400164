"""Several ranks end together: by SIGTERM to any of their processes, and by gradients that are not finite."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from support import one_bad_rank
from support.processes import children_running, ends
from support.ranks import start_ranks

from models.training.checkpoint import read_tensors

Job = Callable[..., dict[str, Any]]
TRAINER = "models.dvae.train"


@contextmanager
def two_ranks(program: list[str], job: dict[str, Any]) -> Iterator["subprocess.Popen[bytes]"]:
    """Torchrun's agent with two ranks, of which none is left after the block."""
    agent = start_ranks(program, job, 2)
    try:
        yield agent
    finally:
        for process in [*psutil.Process(agent.pid).children(recursive=True), agent] if agent.poll() is None else []:
            process.kill()


def checkpoints(job: dict[str, Any]) -> list[str]:
    return sorted(path.name for path in (Path(job["out"]) / "checkpoints").glob("*"))


def error(job: dict[str, Any]) -> str:
    message: str = json.loads((Path(job["out"]) / "error.json").read_text())["message"]
    return message


@pytest.mark.slow
@pytest.mark.parametrize("who", ["the agent", "the first rank", "the second rank", "all of them"])
def test_sigterm_saves_one_checkpoint_and_ends_all_ranks(dvae_job: Job, tmp_path: Path, who: str) -> None:
    job = dvae_job(steps=100_000)
    with two_ranks(["-m", TRAINER], job) as agent:
        while agent.poll() is None and not (tmp_path / "out" / "progress.json").exists():
            time.sleep(0.01)
        ranks = sorted(children_running(TRAINER, agent.pid), key=lambda rank: rank.environ()["RANK"])
        told = {"the agent": [agent], "the first rank": ranks[:1], "the second rank": ranks[1:]}
        signalled = time.monotonic()
        for process in told.get(who, [agent, *ranks]):
            process.send_signal(signal.SIGTERM)
        assert agent.wait(30) != 0
        assert all(ends(rank) for rank in ranks)
    assert time.monotonic() - signalled < 10  # no rank waited until its patience ended
    (saved,) = checkpoints(job)
    step = int(saved.removeprefix("step-"))
    assert error(job) == f"training was stopped by SIGTERM and saved after {step} steps: run again to go on"


@pytest.mark.slow
def test_gradients_of_one_rank_that_are_not_finite_end_all_with_the_step_and_the_pairs(tmp_path: Path) -> None:
    training = {"steps": 300, "batch_size": 4, "warmup_steps": 2, "log_every": 5, "checkpoint_every": 7, "threads": 1}
    job = {"training": training, "out": str(tmp_path / "out")}
    with two_ranks([str(Path(one_bad_rank.__file__))], job) as agent:
        assert agent.wait(60) == 1
    last = one_bad_rank.FIRST_BAD + 9
    assert error(job).startswith(f"the gradients of 10 updates in a row up to step {last} were not finite")
    assert f"pair-{last}-0, pair-{last}-1, pair-{last}-2, pair-{last}-3;" in error(job)
    newest, _ = read_tensors(tmp_path / "out" / "checkpoints" / checkpoints(job)[-1] / "rank-00000.safetensors")
    assert all(torch.isfinite(tensor).all() for name, tensor in newest.items() if name.startswith("learner:"))
    assert int(newest["gradients:broken_at"]) == -1
