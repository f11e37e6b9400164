"""Trains several priors one after the other, run by torchrun; each rank says what it saw, in {out}.{name}.{rank}.json.

The job file holds `out` and `runs`, the jobs by name.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from models.files import CHECKPOINTS
from models.prior import train as prior
from models.training.config import Sharding, TrainingConfig
from models.training.distributed import Ranks, join, leave, on_this_rank
from models.training.entry import end
from models.training.muon import Matrix
from models.training.parallel import parallelise
from models.training.randomness import Step


class Watched(prior.PriorLearner):
    """Also takes down the digest of this rank's weights and the scales of branches after every update.

    The last rank may have bad gradients, all of them, or those of the first value of a layer's result.
    """

    bad: tuple[int, ...] = ()
    overflow: tuple[int, str] | None = None
    digests: tuple[str, ...] = ()
    updating = False
    scales: tuple[list[float], ...] = ()

    def forward(self, batch: dict[str, Tensor], step: Step) -> dict[str, Tensor]:
        Watched.updating = True
        self.hook = None
        if self.overflow and step.number == self.overflow[0] and step.rank == step.world - 1:
            self.hook = self.model.get_submodule(self.overflow[1]).register_forward_hook(_overflow)
        found = super().forward(batch, step)
        if step.number in self.bad and step.rank == step.world - 1:
            found["loss"] = found["loss"] * float("nan")
        return found

    def after_update(self) -> None:
        digest = hashlib.sha256()
        for weight in self.model.parameters():
            digest.update(on_this_rank(weight.detach()).contiguous().numpy().tobytes())
        Watched.digests += (digest.hexdigest(),)
        Watched.updating = False
        Watched.scales += ([float(branch.scale) for branch in self.model.branches() if branch.scale is not None],)
        if self.hook:
            self.hook.remove()


def _overflow(layer: nn.Module, inputs: object, result: Tensor) -> None:
    """Make the gradient of the first value of a result infinite."""
    if result.requires_grad:
        result.register_hook(lambda gradient: torch.cat([gradient[..., :1] + torch.inf, gradient[..., 1:]], -1))


@contextmanager
def counted() -> Iterator[dict[int, int]]:
    """Bytes of all-reduces inside the block, by the size of their group; -1 for that of all ranks.

    Those for checkpoints, which take the mean of error buffers, do not count.
    """
    found: dict[int, int] = {}
    reduce = dist.all_reduce

    def counting(tensor: Tensor, *args: Any, group: dist.ProcessGroup | None = None, **kwargs: Any) -> Any:
        size = -1 if group is None else group.size()
        if Watched.updating:
            found[size] = found.get(size, 0) + tensor.numel() * tensor.element_size()
        return reduce(tensor, *args, group=group, **kwargs)

    dist.all_reduce = counting
    try:
        yield found
    finally:
        dist.all_reduce = reduce


def one_run(job: dict[str, Any], ranks: Ranks) -> dict[str, Any]:
    """Train, and say what this rank saw."""
    Watched.bad, Watched.overflow = tuple(job.pop("bad", ())), job.pop("overflow", None)
    Watched.digests, Watched.scales = (), ()
    if (whole := job.pop("goes_on_from", None)) is not None:
        if ranks.is_first:
            oldest = min((Path(whole) / CHECKPOINTS).iterdir())
            shutil.copytree(oldest, Path(job["out"]) / CHECKPOINTS / oldest.name)
        dist.barrier()
    with counted() as sent:
        prior.train(prior.PriorJob.model_validate(job), ranks)
    return {"digests": Watched.digests, "scales": Watched.scales, "sent": sent}


class Layer(nn.Module):
    """The least that can be sharded."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x)
        return result

    def validate(self) -> dict[str, float]:
        return {}


def resumed_buffers(ranks: Ranks) -> dict[str, Any]:
    """What is saved of error buffers of 1 on the first machine and 3 on the second, and what they are resumed to."""
    parallel = _compressed_layer(ranks)
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


def _compressed_layer(ranks: Ranks) -> Any:
    torch.manual_seed(0)
    learner = Layer()
    config, sharding = TrainingConfig(compression_rank=4, compression_shards=2), Sharding(mode="hsdp", shard_ranks=1)
    return parallelise(learner, [learner.layer], [Matrix(learner.layer.weight)], config, sharding, ranks)


def scaled_layer(ranks: Ranks, scale: float) -> list[list[float]]:
    """Gradient and error buffer of a matrix whose gradient is multiplied by `scale`, as nothing else's is."""
    parallel = _compressed_layer(ranks)
    x = torch.randn(8, 8, generator=torch.Generator().manual_seed(ranks.rank))
    with parallel.in_sync(True, lambda weight: torch.tensor(scale) if weight.ndim == 2 else None):
        (parallel.module(x).square().sum() * scale).backward()
    gradient = parallel.module.layer.weight.grad / scale
    tensors = (gradient, parallel.tensors()["layer.weight/error"])
    return [tensor.full_tensor().flatten().tolist() for tensor in tensors]


def unsharded_notes(ranks: Ranks) -> list[str]:
    """What a run says whose model cannot be sharded as it is asked to be."""
    return parallelise(nn.Linear(2, 2), [], [], TrainingConfig(), Sharding(mode="fsdp"), ranks).notes


def main() -> int:
    job = json.loads(Path(sys.argv[1]).read_text())
    ranks = join()
    torch.set_num_threads(1)
    prior.PriorLearner = Watched  # type: ignore[misc]
    for name, each in job["runs"].items():
        seen = one_run(each, ranks)
        Path(f"{job['out']}.{name}.{ranks.rank}.json").write_text(json.dumps(seen))
    rest: dict[str, Any] = {}
    if ranks.world == 2:
        rest = {"buffers": resumed_buffers(ranks), "notes": unsharded_notes(ranks)}
        rest["scaled"] = [scaled_layer(ranks, scale) for scale in (1.0, 2.0**10)]
    Path(f"{job['out']}.rest.{ranks.rank}.json").write_text(json.dumps(rest))
    leave()
    return 0


if __name__ == "__main__":
    end(main())
