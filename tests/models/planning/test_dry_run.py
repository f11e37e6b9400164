"""A dry run of FSDP2 over ranks that do not exist: what a rank holds and sends is what is planned.

The process group and the tensors are torch's fakes, so one process plays rank 0 of 2 x 8 at no cost.
"""

from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.planning.memory import memory_per_rank
from models.planning.parallel import Mode, Parallel
from models.planning.traffic import traffic
from models.planning.weights import prior_weights
from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.model import Prior

MACHINES, GPUS = 2, 8
# The paper's width, so that a block weighs more than what surrounds it.
WIDE = PriorModelConfig(width=3968, heads=62, layers=3, text_vocab=2000, text_length=32, image_vocab=1024, grid=8)


class RankZero(TorchDispatchMode):
    """What a rank holds at most, and the bytes of its collectives by their kind."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self.collectives: dict[str, int] = {}
        self._storages: WeakSet[Any] = WeakSet()
        self._known: WeakSet[Any] = WeakSet()

    @property
    def now(self) -> int:
        """Bytes in use; FSDP2 empties storages that it goes on holding."""
        return sum(storage.nbytes() for storage in self._storages)

    def forget(self) -> None:
        """Count only what is made from now on."""
        self._known.update(self._storages)
        self._storages = WeakSet()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        made = {t.untyped_storage() for t in tree_leaves(result) if isinstance(t, Tensor)}
        self._storages.update(storage for storage in made if storage not in self._known)
        self.peak = max(self.peak, self.now)
        kind = str(function)
        if kind.startswith("c10d."):
            size = max(t.numel() * t.element_size() for t in tree_leaves(args) if isinstance(t, Tensor))
            name = kind.split(".")[1].strip("_")
            self.collectives[name] = self.collectives.get(name, 0) + size
        return result


@pytest.fixture(scope="module")
def mesh() -> Iterator[DeviceMesh]:
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=MACHINES * GPUS)
    yield init_device_mesh("cpu", (MACHINES, GPUS), mesh_dim_names=("machines", "gpus"))
    dist.destroy_process_group()


def _dry_run(mesh: DeviceMesh) -> tuple[RankZero, int, int]:
    """Two steps in bf16; the rank, the bytes of its weights, and those of its gradients."""
    captions = torch.zeros(1, WIDE.caption_length, dtype=torch.int64)
    codes = torch.zeros(1, WIDE.codes_per_image, dtype=torch.int64)
    with FakeTensorMode(allow_non_fake_inputs=True), RankZero() as rank:
        model = Prior(WIDE)
        for block in model.blocks:
            policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
            fully_shard(block, mesh=mesh, mp_policy=policy)
        fully_shard(model, mesh=mesh, mp_policy=MixedPrecisionPolicy(reduce_dtype=torch.float32))
        model.activation_checkpointing = True
        rank.forget()  # the whole weights, which the shards were cut from; fake ones are not freed
        for _ in range(2):
            rank.peak = 0
            text, image = model(captions, codes)
            model.zero_grad(set_to_none=True)
            (text.sum() + image.sum()).backward()
            del text, image
        weights = sum(p.to_local().untyped_storage().nbytes() for p in model.parameters())  # type: ignore[attr-defined]
        gradients = sum(4 * p.grad.to_local().numel() for p in model.parameters() if p.grad is not None)  # type: ignore[attr-defined]
    return rank, weights, gradients


@pytest.mark.parametrize("mode", ["fsdp", "hsdp"])
def test_a_rank_holds_and_sends_what_is_planned(mode: Mode, mesh: DeviceMesh) -> None:
    parallel = Parallel(mode=mode, machines=MACHINES, gpus_per_machine=GPUS)
    ranks = MACHINES * GPUS
    flat = init_device_mesh("cpu", (ranks,))
    rank, weights, gradients = _dry_run(flat if mode == "fsdp" else mesh)
    training = PriorTrainingConfig(batch_size=ranks, precision="bf16", ema_decay=None)
    planned_weights = prior_weights(WIDE)
    planned = memory_per_rank(WIDE, planned_weights, training, parallel)
    assert weights == pytest.approx(planned.weights, rel=0.01)
    assert gradients == pytest.approx(planned.gradients, rel=0.01)
    # Each kind is planned at the moment when it is largest, and these moments differ: never too little, not much more.
    held, took = planned.total - planned.optimiser, weights + rank.peak
    print(f"{mode}: planned {held / 1e6:.0f} MB, dry run {took / 1e6:.0f} MB: {held / took - 1:+.1%}")
    assert took < 1.05 * held < 1.35 * took

    sent = traffic(planned_weights, parallel, number_bytes=2, accumulate=1)
    shards = parallel.shards
    inside = (shards - 1) / shards * (rank.collectives["allgather_base"] + rank.collectives["reduce_scatter_base"])
    assert inside / 2 == pytest.approx(sent.in_machine, rel=0.02)
    if mode == "hsdp":
        leaves_a_gpu = 2 * (MACHINES - 1) / MACHINES * rank.collectives["allreduce"]
        assert GPUS * leaves_a_gpu / 2 == pytest.approx(sent.between_machines, rel=0.02)
