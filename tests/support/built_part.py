"""Makes a prior's training on forked ranks, or takes it up from a checkpoint, and measures the memory that it takes."""

import json
from pathlib import Path
from typing import Any

import torch

from models.prior import train as prior
from models.prior.model import Prior
from models.training import rank_files, sharding  # noqa: F401 - imported before memory is measured
from models.training.distributed import Ranks
from models.training.loop import Learner, Loop


def make_part(
    ranks: Ranks, job: dict[str, Any], warm_up: dict[str, Any] | None = None, seed: int | None = None
) -> None:
    """Make the training that `models.prior.train` would run, save it, and write {out}.{rank}.json.

    Under `peak` it says how much of the host's memory it took at most to make it, bytes; under `same`, on the first
    rank, whether the weights are those that one process draws from the seed, the job's if none is given.

    Args:
        warm_up: a small job that is made before, for the memory that torch takes once.
    """
    if warm_up is not None:
        make_part(ranks, warm_up)
    found: dict[str, Any] = {}

    def instead_of_running(learner: Learner, job: Any, ranks: Ranks) -> None:
        loop = Loop(learner, job.training, Path(job.out), ranks, "job", job.sharding)
        found["peak"], found["resumed"] = _memory("VmHWM") - started, loop.step
        weights = loop.weights()
        if ranks.is_first:
            alone = Prior(job.model, job.training.seed if seed is None else seed).state_dict()
            found["same"] = all(torch.equal(weights[name], weight) for name, weight in alone.items())
        loop.step = 1
        loop._save(None)
        loop._states.wait()
        loop._states.close()

    prior.run = instead_of_running  # type: ignore[assignment]
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    started = _memory("VmRSS")
    prior.train(prior.PriorJob.model_validate(job), ranks)
    Path(f"{job['out']}.{ranks.rank}.json").write_text(json.dumps(found))


def _memory(kind: str) -> int:
    """This process's memory, bytes: VmRSS now, or VmHWM at most."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind)]
    return 1024 * int(line.split()[1])
