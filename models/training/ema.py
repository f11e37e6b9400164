"""Exponential moving averages (EMA) of a model's weights: on the device, or in the host's memory (paper A.2, B.2)."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from models.training.config import TrainingConfig
from models.training.distributed import on_this_rank
from models.training.schedules import ema_decay_at
from models.training.states import host_copies


class EMA:
    """EMA of a model's floating-point state, moved after every `every`-th update; other state is copied."""

    def __init__(self, model: nn.Module, decay: float, every: int = 1) -> None:
        self._decay = decay
        self._every = every
        self._averages = self._copies(model.state_dict())

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The averages by the names of the model's state."""
        return self._averages

    @torch.no_grad()
    def update(self, model: nn.Module, step: int, finite: Tensor) -> None:
        """Move the EMA towards the weights after update `step`, unless `finite`, a scalar, is false."""
        moves, rest = divmod(step + 1, self._every)
        if rest == 0:
            self._move(model.state_dict(), (1.0 - ema_decay_at(self._decay, moves - 1)) * finite)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Give the model the averages for good."""
        for name, tensor in model.state_dict().items():
            on_this_rank(tensor).copy_(on_this_rank(self.tensors[name]))

    @contextmanager
    def lent_to(self, model: nn.Module) -> Iterator[None]:
        """Give the model the averages inside the block, and its own weights back after it; nothing is copied."""
        own = model.state_dict(keep_vars=True)  # the parameters themselves, which the optimisers know
        if any(on_this_rank(tensor) is not tensor for tensor in own.values()):  # and FSDP2, which needs its own back
            self._exchange_with(model)
            try:
                yield
            finally:
                self._exchange_with(model)
            return
        model.load_state_dict({name: t.to(own[name].device) for name, t in self.tensors.items()}, assign=True)
        try:
            yield
        finally:
            model.load_state_dict(own, assign=True)

    @torch.no_grad()
    def _exchange_with(self, model: nn.Module) -> None:
        """Exchange the contents of the averages and of the model's state, which also drops what FSDP2 has gathered."""
        for name, tensor in model.state_dict().items():
            ours, theirs = on_this_rank(self.tensors[name]), on_this_rank(tensor)
            kept = theirs.clone()
            theirs.copy_(ours)
            ours.copy_(kept)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint."""
        for name, tensor in tensors.items():
            on_this_rank(self.tensors[name]).copy_(on_this_rank(tensor))

    def _copies(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in state.items()}

    def _move(self, state: Mapping[str, Tensor], weight: Tensor) -> None:
        averages, latest = ({name: on_this_rank(t) for name, t in each.items()} for each in (self._averages, state))
        floating = [name for name, tensor in averages.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [averages[name] for name in floating], [latest[name] for name in floating], [weight] * len(floating)
        )
        for name in averages.keys() - set(floating):
            averages[name].copy_(latest[name])


class HostEMA(EMA):
    """EMA in the host's memory, for a model on a device whose memory is scarce (paper B.2).

    The weights are copied in the order of the device's work, so the next update waits for the copy, but the host does
    not; a thread averages them while the device goes on. Who reads the averages waits for the thread.
    """

    def __init__(self, model: nn.Module, decay: float, every: int = 1) -> None:
        super().__init__(model, decay, every)
        self._thread = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The averages, after the move that is going on, by the names of the model's state."""
        self._wait()
        return self._averages

    def _copies(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}

    def _move(self, state: Mapping[str, Tensor], weight: Tensor) -> None:
        self._wait()
        ours = {name: on_this_rank(tensor) for name, tensor in state.items()}
        latest, [factor] = host_copies(ours), host_copies({"weight": weight}).values()
        copied: torch.cuda.Event | None = None
        if weight.is_cuda:
            copied = torch.cuda.Event()
            copied.record()
        self._pending = self._thread.submit(self._average, latest, factor, copied)

    @torch.no_grad()
    def _average(self, latest: Mapping[str, Tensor], weight: Tensor, copied: torch.cuda.Event | None) -> None:
        if copied is not None:
            copied.synchronize()
        super()._move(latest, weight)

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()


def ema_of(model: nn.Module, config: TrainingConfig, device: torch.device) -> EMA | None:
    """The EMA that a configuration asks for; None if it asks for none.

    One that does not move at every update is kept in the host's memory, where a CPU's weights are already.
    """
    if config.ema_decay is None:
        return None
    kind = EMA if config.ema_every == 1 or device.type == "cpu" else HostEMA
    return kind(model, config.ema_decay, config.ema_every)
