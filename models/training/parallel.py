"""How the ranks of a training work together: one code path for one process, DDP, FSDP2 and both across machines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor, nn

from models.training.config import Sharding, TrainingConfig
from models.training.distributed import Ranks, in_parallel, in_sync
from models.training.muon import Matrix
from models.training.parts import materialise

if TYPE_CHECKING:  # torch's FSDP2 takes long to import, and most trainings do without
    from models.training.sharding import Sharded


class Replicated:
    """Every rank holds all of the model; DDP averages the gradients of several ranks.

    Attributes:
        module: what to call in place of the learner.
        notes: what the user should know of it.
        is_sharded: whether all ranks are needed for whatever computes with the weights, and for a whole copy of them.
    """

    is_sharded = False

    def __init__(self, learner: nn.Module, ranks: Ranks, asked: bool = False) -> None:
        """Args:
        asked: for a model in shards, which this one cannot be cut into.
        """
        materialise(learner, ranks.device)
        self.module = in_parallel(learner.to(ranks.device), ranks)
        self.notes = ["this model is not cut into shards: every rank holds all of it, as in mode ddp"] if asked else []

    @contextmanager
    def in_sync(self, only_if: bool, scale_of: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
        """Average the gradients of the backward pass inside the block over ranks, or leave that to a later one."""
        with in_sync(self.module, only_if):
            yield

    def norm(self, own: Tensor) -> Tensor:
        """Norm of all gradients, from that of the gradients on this rank."""
        return own

    def on_all_ranks(self, own: Tensor) -> Tensor:
        """Which flags, bool [N], are true on all ranks, all of which hold the same gradients."""
        return own

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of this."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` returned."""


def parallelise(
    learner: nn.Module,
    blocks: Sequence[nn.Module],
    matrices: Sequence[Matrix],
    config: TrainingConfig,
    sharding: Sharding,
    ranks: Ranks,
    in_sixteen_bits: Sequence[Matrix] = (),
) -> "Replicated | Sharded":
    """Let the ranks share a learner, before anything refers to its weights: sharded ones are other tensors.

    Args:
        blocks: parts of the learner whose weights can be gathered one after the other; without any, every rank holds
            all of it.
        matrices: weights of the blocks that PowerSGD may compress.
        in_sixteen_bits: those of them whose error buffers are kept in the paper's format of 16 bits.

    Raises:
        ValueError: the configuration asks for what this sharding cannot do.
    """
    shards = ranks.world > 1 and sharding.mode != "ddp" and len(blocks) > 0
    if config.compression_rank is not None and (not shards or sharding.mode != "hsdp"):
        raise ValueError(
            "compression_rank is for several ranks with sharding mode hsdp, which compresses gradients between "
            "machines: choose that mode, or leave compression_rank out"
        )
    if not shards:
        return Replicated(learner, ranks, asked=ranks.world > 1 and sharding.mode != "ddp")
    if config.muon_learning_rate is not None and matrices:
        raise ValueError(
            f"muon_learning_rate needs whole matrices, and sharding mode {sharding.mode} cuts them: "
            "choose mode ddp, or leave muon_learning_rate out"
        )
    from models.training.sharding import Sharded

    return Sharded(learner, blocks, matrices, config, sharding, ranks, in_sixteen_bits)
