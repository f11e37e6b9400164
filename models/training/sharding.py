"""A model whose weights are cut over ranks by FSDP2: over all of them, or over those of a machine (paper 2.5)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, Shard

from models.training.config import Sharding, TrainingConfig
from models.training.distributed import Ranks, on_this_rank
from models.training.gradient_exchange import GradientExchange, ScaleOf
from models.training.muon import Matrix
from models.training.parts import materialise
from models.training.power_sgd import CompressedWeight
from models.training.precision import half_type
from models.training.sixteen_bits import MEAN


class Sharded:
    """Each rank holds a part of every weight, and of all that the training keeps for it.

    A block's weights are gathered while it computes, in half precision if that is how it computes, and the next block's
    meanwhile. All other weights are gathered for the whole step, in fp32. Gradients are averaged and cut in fp32, with
    mode hsdp inside a machine, and then exchanged between machines.

    Attributes:
        module: what to call in place of the learner.
        notes: what the user should know of it.
        is_sharded: as `Replicated` has it.
    """

    is_sharded = True

    def __init__(
        self,
        learner: nn.Module,
        blocks: Sequence[nn.Module],
        matrices: Sequence[Matrix],
        config: TrainingConfig,
        sharding: Sharding,
        ranks: Ranks,
        in_sixteen_bits: Sequence[Matrix] = (),
    ) -> None:
        """Cut the weights of a learner, which are other tensors afterwards.

        Args:
            blocks: parts of the learner that are gathered one after the other, in the order of the forward pass.
            matrices: weights of the blocks, which are compressed if the configuration says so.
            in_sixteen_bits: those of them whose error buffers are kept in the paper's format of 16 bits.

        Raises:
            ValueError: the ranks do not divide into machines, or a matrix does not into the parts to be compressed.
        """
        self.module = learner
        self.notes: list[str] = []
        mesh = _mesh(sharding, ranks)
        self._shards: DeviceMesh = mesh["shards"]
        self._machines = mesh["machines"].size()
        names = {id(weight): name for name, weight in learner.named_parameters()}
        parts = {names[id(matrix.weight)]: matrix.parts for matrix in matrices}
        narrow = {names[id(matrix.weight)] for matrix in in_sixteen_bits}
        if config.compression_rank is not None:
            _check_parts(learner, parts, config.compression_shards, self._shards.size())
        _cut(learner, blocks, self._shards, config)
        materialise(learner, ranks.device)
        weights = dict(learner.named_parameters())
        self._compressed: dict[str, CompressedWeight] = {}
        if config.compression_rank is not None:
            rank = config.compression_rank // config.compression_shards
            for name, count in parts.items():
                share, axis = on_this_rank(weights[name]), _axis(weights[name].shape)
                numbers = self._numbers(count * config.compression_shards)
                self._compressed[name] = CompressedWeight(
                    share, axis, numbers, rank, config.seed, name, MEAN if name in narrow else None
                )
        self._exchange = GradientExchange(mesh.get_group("machines"))
        if self._machines > 1 or self._compressed:
            names = {id(weight): name for name, weight in weights.items()}
            for module in (*blocks, learner):
                assert isinstance(module, FSDPModule)
                self._exchange.attach(module, names, self._compressed)

    @contextmanager
    def in_sync(self, only_if: bool, scale_of: ScaleOf) -> Iterator[None]:
        """Exchange the gradients of the backward pass inside the block between machines, or leave that to a later one.

        Inside a machine they are cut in any case, so that no rank ever holds all of them.

        Args:
            scale_of: by what a weight's gradient is multiplied, if by anything.
        """
        self._exchange.begin(only_if, scale_of)
        yield

    def norm(self, own: Tensor) -> Tensor:
        """Norm of all gradients, from that of the gradients on this rank; not finite if that is so on any rank."""
        squared = own.square() / self._machines
        dist.all_reduce(squared)
        return squared.sqrt()

    def on_all_ranks(self, own: Tensor) -> Tensor:
        """Which flags, bool [N], are true on all ranks."""
        flags = own.int()
        dist.all_reduce(flags, dist.ReduceOp.MIN)
        return flags.bool()

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of this: error buffers and fixed factors, sharded; every rank must call it.

        Of the error buffers it is their mean over the machines: only that matters, for any number of machines (4.3). A
        run that goes on from it is the same up to rounding, of buffers of 16 bits to those.
        """
        found: dict[str, Tensor] = {}
        for name, weight in self._compressed.items():
            mean = weight.error.clone()
            self._exchange.mean(mean)
            kept = weight.as_kept(mean)
            found[f"{name}/error"] = DTensor.from_local(kept, self._shards, [Shard(weight.axis)], run_check=False)
            found[f"{name}/q"] = DTensor.from_local(weight.q, self._shards, [Shard(0)], run_check=False)
        return found

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` returned, on any number of machines."""
        for name, weight in self._compressed.items():
            weight.buffer.copy_(on_this_rank(tensors[f"{name}/error"]))
            weight.q.copy_(on_this_rank(tensors[f"{name}/q"]))

    def _numbers(self, count: int) -> range:
        """This rank's of `count` things that are shared equally and in order."""
        share = count // self._shards.size()
        first = self._shards.get_local_rank() * share
        return range(first, first + share)


def _mesh(sharding: Sharding, ranks: Ranks) -> DeviceMesh:
    """Ranks in two dimensions: machines, and the shards of one."""
    shards = ranks.world if sharding.mode == "fsdp" else sharding.shard_ranks or ranks.local_world
    if ranks.world % shards:
        raise ValueError(f"{ranks.world} ranks do not divide into machines of {shards}, which mode hsdp shards over")
    sizes = (ranks.world // shards, shards)
    return init_device_mesh(ranks.device.type, sizes, mesh_dim_names=("machines", "shards"))


def _axis(shape: torch.Size) -> int:
    """Along which a matrix of a block is cut for compression: the longer one, as in the paper (4.2)."""
    return int(len(shape) == 2 and shape[1] > shape[0])


def _check_parts(learner: nn.Module, parts: Mapping[str, int], count: int, shards: int) -> None:
    """Raise a ValueError unless each shard holds as many of the parts to be compressed as any other."""
    if count % shards:
        raise ValueError(
            f"compression_shards {count} does not divide over {shards} ranks of a machine: "
            "start another number of ranks, or set shard_ranks"
        )
    for name, weight in learner.named_parameters():
        if name in parts:
            side, needed = weight.shape[_axis(weight.shape)], parts[name] * count
            if side % needed:
                raise ValueError(f"compression_shards {count} does not cut {name}, whose longer side is {side}")


def _cut(learner: nn.Module, blocks: Sequence[nn.Module], mesh: DeviceMesh, config: TrainingConfig) -> None:
    """Leave each rank its part of every weight.

    Blocks are cut one by one, so that a GPU never holds more than one of them.
    """

    # The stream between the blocks stays as it is: autocast turns into half precision what enters a product.
    def policy(half: torch.dtype | None) -> MixedPrecisionPolicy:
        return MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32, cast_forward_inputs=False)

    place = (lambda weight: Shard(_axis(weight.shape))) if config.compression_rank is not None else None
    for block in blocks:
        fully_shard(block, mesh=mesh, mp_policy=policy(half_type(config.precision)), shard_placement_fn=place)
    fully_shard(learner, mesh=mesh, mp_policy=policy(None))
    register_fsdp_forward_method(learner, "validate")
    for before, after in pairwise(blocks):
        assert isinstance(before, FSDPModule)
        assert isinstance(after, FSDPModule)
        before.set_modules_to_forward_prefetch([after])
        after.set_modules_to_backward_prefetch([before])
