"""Ranks, the processes that torchrun starts, and the communication between them."""

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models.files import HOST, RANKS_STORE, RANKS_TIMEOUT
from models.training.errors import LostRankError

T = TypeVar("T")

_MOST_WORKERS = 8
_TIMEOUT_S = "600"


@dataclass(frozen=True)
class Ranks:
    """This process's number among all, and among those of its node, and its device."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable

    @property
    def is_first(self) -> bool:
        """True on the one rank that writes the files of a run, but for its part of a checkpoint."""
        return self.rank == 0


def join() -> Ranks:
    """Read torchrun's environment, pick the device, and join the process group when there are several ranks."""
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available()
    ranks = Ranks(
        rank=int(os.environ.get("RANK", "0")),
        world=int(os.environ.get("WORLD_SIZE", "1")),
        local_rank=local_rank,
        local_world=int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        device=torch.device("cuda", local_rank) if cuda else torch.device("cpu"),
    )
    if cuda:
        torch.cuda.set_device(ranks.device)
    if ranks.world > 1 and not dist.is_initialized():
        store = os.environ.get(RANKS_STORE)
        # Without a file the first rank would listen on every interface for whoever connects.
        method = f"file://{store}" if store else "env://"
        backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
        dist.init_process_group(backend, method, timeout=silence(), rank=ranks.rank, world_size=ranks.world)
    return ranks


def silence() -> timedelta:
    """How long a rank waits for the others before it takes them for lost."""
    return timedelta(seconds=float(os.environ.get(RANKS_TIMEOUT, _TIMEOUT_S)))


@contextmanager
def lost_ranks_named() -> Iterator[None]:
    """Turn what torch raises in the block when it loses other ranks into one sentence.

    Raises:
        LostRankError: a rank, its machine or the network is gone, or silent for longer than the timeout.
    """
    try:
        yield
    except RuntimeError as error:
        # gloo's errors are plain ones that begin with the place in its source.
        if not isinstance(error, dist.DistError) and "/gloo/" not in str(error):
            raise
        me = f"rank {os.environ.get('RANK', '0')} on {os.environ.get(HOST) or platform.node()}"
        if "timed out" in str(error).lower() or "timeout" in str(error).lower():
            raise LostRankError(
                f"{me} heard nothing from the others for {silence().total_seconds():g} s: a machine or its network is "
                f"down, or one rank works alone for longer, for which {RANKS_TIMEOUT} can be raised; "
                "run again to go on from the last checkpoint"
            ) from error
        cause = " ".join(str(error).split("] ", 1)[-1].split()).split(". This is")[0]  # without gloo's guesses
        raise LostRankError(f"{me} lost another one ({cause}): run again to go on from the last checkpoint") from error


def leave() -> None:
    """Leave the process group, if any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def set_threads(requested: int | None, ranks: Ranks) -> None:
    """Give this rank `requested` torch threads, or its share of the cores that this process may use."""
    torch.set_num_threads(requested or _cores(ranks))


def workers_of(requested: int | None, ranks: Ranks) -> int:
    """Processes that decode images for this rank: `requested`, or what suits the device.

    A GPU gets all of the rank's cores but one, up to 8. On a CPU the training itself has use for every core, and the
    loader's thread decodes beside it.
    """
    if requested is not None:
        return requested
    return min(_MOST_WORKERS, _cores(ranks) - 1) if ranks.device.type == "cuda" else 0


def _cores(ranks: Ranks) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, cores // ranks.local_world)


def from_first_rank(value: T, ranks: Ranks) -> T:
    """What the first rank passed; every rank must call it."""
    if ranks.world == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, device=ranks.device)
    return values[0]


def in_parallel(module: nn.Module, ranks: Ranks) -> nn.Module:
    """The module itself on one rank, wrapped so that gradients are averaged on several."""
    if ranks.world == 1:
        return module
    return DistributedDataParallel(module, device_ids=[ranks.local_rank] if ranks.device.type == "cuda" else None)


def on_this_rank(tensor: Tensor) -> Tensor:
    """This rank's part of a sharded tensor, with the same memory; another tensor itself."""
    part: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor  # DTensor takes long to import
    return part


def whole(tensors: Mapping[str, Tensor], ranks: Ranks) -> dict[str, Tensor]:
    """Tensors with all parts of the sharded ones, in the first rank's host memory; every rank must call it.

    Returns:
        Nothing on other ranks.
    """
    found = {}
    for name, tensor in tensors.items():
        full = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
        if ranks.is_first:
            found[name] = full.detach().cpu()
    return found


class AnyRank:
    """Lets all ranks act together on what only some of them know, such as a signal or a clock."""

    def __init__(self, ranks: Ranks) -> None:
        self._world = ranks.world
        self._asked: tuple[Tensor, dist.Work] | None = None

    def says(self, *yes: bool) -> list[bool]:
        """Which of some questions any rank answers with True, the same on all ranks; each must call it equally often.

        With several ranks these are the answers to the call before, so that none waits for another; at first False.
        """
        if self._world == 1:
            return list(yes)
        said = self.said() or [False] * len(yes)
        flags = torch.tensor(yes, dtype=torch.int32)
        self._asked = flags, dist.all_reduce(flags, dist.ReduceOp.MAX, async_op=True)
        return said

    def said(self) -> list[bool]:
        """The answers to the last call, none if there was none; nothing is on its way afterwards."""
        if self._asked is None:
            return []
        flags, work = self._asked
        work.wait()
        return [bool(flag) for flag in flags]


@contextmanager
def in_sync(module: nn.Module, only_if: bool) -> Iterator[None]:
    """Average gradients over ranks in the backward passes inside the block, or leave that to a later one."""
    if only_if or not isinstance(module, DistributedDataParallel):
        yield
    else:
        with module.no_sync():
            yield


def mean_over_ranks(values: dict[str, Tensor], ranks: Ranks) -> dict[str, float]:
    """Average of scalar tensors over ranks, as floats; every rank must call it with the same names."""
    if not values:
        return {}
    stacked = torch.stack([value.detach().double().cpu() for value in values.values()]).to(ranks.device)
    if ranks.world > 1:
        dist.all_reduce(stacked)
        stacked /= ranks.world
    return dict(zip(values, stacked.tolist(), strict=True))


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class _GatherOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.rows = len(value)
        parts = [torch.empty_like(value) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, value.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total.split(ctx.rows)[dist.get_rank()]


def gather_over_ranks(value: Tensor) -> Tensor:
    """Differentiable concatenation of all ranks' rows in the order of the ranks: [B, ...] to [ranks * B, ...].

    A row's gradient is the sum of those that all ranks have for it.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return value
    gathered: Tensor = _GatherOverRanks.apply(value)
    return gathered


def sum_over_ranks(value: Tensor) -> Tensor:
    """Differentiable sum of a tensor over ranks; the tensor itself when there is one rank."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return value
    return _SumOverRanks.apply(value)
