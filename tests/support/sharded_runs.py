"""Trains several priors one after the other, run by torchrun; each rank says what it saw, in {out}.{name}.{rank}.json.

The job file holds `out` and `runs`, the jobs by name.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from models.prior import train as prior
from models.training.config import Sharding, TrainingConfig
from models.training.distributed import Ranks, join, leave, on_this_rank
from models.training.entry import end
from models.training.muon import Matrix
from models.training.parallel import parallelise
from models.training.randomness import Step


class Watched(prior.PriorLearner):
    """Also takes down the digest of this rank's weights after every update; the last rank may have bad gradients."""

    updating = False
    bad: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()

    def forward(self, batch: dict[str, Tensor], step: Step) -> dict[str, Tensor]:
        Watched.updating = True
        found = super().forward(batch, step)
        if step.number in self.bad and step.rank == step.world - 1:
            found["loss"] = found["loss"] * float("nan")
        return found

    def after_update(self) -> None:
        Watched.updating = False
        digest = hashlib.sha256()
        for weight in self.model.parameters():
            digest.update(on_this_rank(weight.detach()).contiguous().numpy().tobytes())
        Watched.digests += (digest.hexdigest(),)


@contextmanager
def counted() -> Iterator[dict[int, int]]:
    """Bytes of all all-reduces of updates inside the block, by the size of their group; -1 for that of all ranks."""
    found: dict[int, int] = {}
    reduce = dist.all_reduce

    def counting(tensor: Tensor, *args: Any, group: dist.ProcessGroup | None = None, **kwargs: Any) -> Any:
        size = -1 if group is None else group.size()
        if Watched.updating:  # a checkpoint sends something too
            found[size] = found.get(size, 0) + tensor.numel() * tensor.element_size()
        return reduce(tensor, *args, group=group, **kwargs)

    dist.all_reduce = counting
    try:
        yield found
    finally:
        dist.all_reduce = reduce


def one_run(job: dict[str, Any], ranks: Ranks) -> dict[str, Any]:
    """Train, and say what this rank saw."""
    Watched.bad, Watched.digests = tuple(job.pop("bad", ())), ()
    with counted() as sent:
        prior.train(prior.PriorJob.model_validate(job), ranks)
    return {"digests": Watched.digests, "sent": sent}


class Layer(torch.nn.Module):
    """The least that can be sharded."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)

    def validate(self) -> dict[str, float]:
        return {}


def resumed_buffers(ranks: Ranks) -> dict[str, Any]:
    """What is saved of error buffers of 1 on the first machine and 3 on the second, and what they are resumed to."""
    torch.manual_seed(0)
    learner = Layer()
    config, sharding = TrainingConfig(compression_rank=4, compression_shards=2), Sharding(mode="hsdp", shard_ranks=1)
    parallel = parallelise(learner, [learner.layer], [Matrix(learner.layer.weight)], config, sharding, ranks)
    started = parallel.tensors()
    parallel.restore(started | {"layer.weight/error": torch.full((8, 8), 1.0 + 2 * ranks.rank)})
    saved = parallel.tensors()
    parallel.restore(saved)
    again = parallel.tensors()
    values = {
        name: sorted(set(each["layer.weight/error"].full_tensor().flatten().tolist()))
        for name, each in {"started": started, "saved": saved, "again": again}.items()
    }
    return values | {"q": saved["layer.weight/q"].full_tensor().tolist(), "names": sorted(saved)}


def unsharded_notes(ranks: Ranks) -> list[str]:
    """What a run says whose model cannot be sharded as it is asked to be."""
    return parallelise(torch.nn.Linear(2, 2), [], [], TrainingConfig(), Sharding(mode="fsdp"), ranks).notes


def main() -> int:
    job = json.loads(Path(sys.argv[1]).read_text())
    ranks = join()
    torch.set_num_threads(1)
    prior.PriorLearner = Watched  # type: ignore[misc]
    for name, each in job["runs"].items():
        seen = one_run(each, ranks)
        Path(f"{job['out']}.{name}.{ranks.rank}.json").write_text(json.dumps(seen))
    rest = {"buffers": resumed_buffers(ranks), "notes": unsharded_notes(ranks)} if ranks.world == 2 else {}
    Path(f"{job['out']}.rest.{ranks.rank}.json").write_text(json.dumps(rest))
    leave()
    return 0


if __name__ == "__main__":
    end(main())
