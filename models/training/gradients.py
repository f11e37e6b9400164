"""Gradients that are not finite are found on the device, and their update is skipped, without waiting for it."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from models.training.block_scale import BlockScales, Branch
from models.training.config import TrainingConfig
from models.training.distributed import on_this_rank

_FIRST_SCALE = 2.0**16
_GROWTH_INTERVAL = 2000  # updates without an overflow after which the loss scale of fp16 is doubled


class Gradients:
    """Norm, check and clipping of a step's gradients, and the scales of fp16, the same on all ranks.

    Several ranks hold the same averaged gradients, or parts of them whose norms are added up, so each comes to the same
    decision. Every value is a tensor on the device, and reading one waits for the device: only `numbers` and
    `broken_at` do that.

    Attributes:
        finite: bool, whether the last update is to be made.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        config: TrainingConfig,
        device: torch.device,
        branches: Sequence[Branch] = (),
        norm_over_ranks: Callable[[Tensor], Tensor] = lambda own: own,
        on_all_ranks: Callable[[Tensor], Tensor] = lambda own: own,
    ) -> None:
        """Args:
        branches: if any, each has a scale for its own gradients in place of one for the loss.
        norm_over_ranks: the norm of all gradients, from that of those on this rank.
        on_all_ranks: which flags, bool [N], are true on all ranks, from those of this one.
        """
        self._parameters = list(parameters)
        self._norm_over_ranks = norm_over_ranks
        self._on_all_ranks = on_all_ranks
        self._clip_norm = config.clip_norm
        self._limit = config.stop_after_non_finite
        self._blocks = BlockScales(branches, device) if branches else None
        in_branches = {id(parameter) for branch in branches for parameter in branch.parameters()}
        self._others = [parameter for parameter in self._parameters if id(parameter) not in in_branches]
        self._scales = {id(p): branch.scale for branch in branches for p in branch.parameters()}
        self._fp16 = config.precision == "fp16" and self._blocks is None
        self._norm = torch.zeros((), device=device)
        self._state = {
            "scale": torch.tensor(_FIRST_SCALE if self._fp16 else 1.0, device=device),
            "since_growth": torch.zeros((), dtype=torch.int64, device=device),
            "skipped": torch.zeros((), dtype=torch.int64, device=device),
            "in_a_row": torch.zeros((), dtype=torch.int64, device=device),
            "broken_at": torch.tensor(-1, dtype=torch.int64, device=device),
        }
        self.finite = torch.ones((), dtype=torch.bool, device=device)

    def scale_of(self, parameter: Tensor) -> Tensor | None:
        """By what the gradient of a parameter is multiplied until `check`: the scale of fp16, if it has one."""
        return self._state["scale"] if self._fp16 else self._scales.get(id(parameter))

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss, times the loss scale in fp16, to those that the parameters have."""
        (loss * self._state["scale"] if self._fp16 else loss).backward()

    @torch.no_grad()
    def check(self, step: int) -> Tensor:
        """Clip the gradients of a step, and find out whether they are finite.

        Returns:
            A scalar for the optimisers' `found_inf`: 1 if the update is to be skipped, else 0.
        """
        at_lowest = self._unscale_branches()  # before clipping: by a norm that is not finite, it spoils all gradients
        gradients = _of(self._parameters)
        norm = self._norm_over_ranks(torch.nn.utils.get_total_norm(gradients))
        self.finite = norm.isfinite()
        self._norm = norm / self._state["scale"] if self._fp16 else norm
        if self._clip_norm is not None:
            factor = (self._clip_norm / (self._norm + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_(gradients, factor / self._state["scale"] if self._fp16 else factor)
        elif self._fp16:
            torch._foreach_mul_(gradients, self._state["scale"].reciprocal())
        self._count(step, at_lowest)
        if self._blocks is not None:
            self._blocks.move()
        return (~self.finite).float()

    def _unscale_branches(self) -> Tensor:
        """Take the scales of branches, if any, out of their gradients.

        Returns:
            Whether no lower scale can help: only then gradients that are not finite tell of weights or data.
        """
        if self._blocks is None:
            return self._state["scale"] <= 1.0
        self._blocks.unscale()
        others = torch.nn.utils.get_total_norm(_of(self._others)).isfinite()  # which have no scale
        finite = self._on_all_ranks(torch.cat([self._blocks.finite, others[None]]))
        self._blocks.finite = finite[:-1]
        return ~finite[-1] | self._blocks.at_lowest()

    def _count(self, step: int, at_lowest: Tensor) -> None:
        s, finite = self._state, self.finite
        s["skipped"] += ~finite
        s["in_a_row"] = torch.where(finite, 0, s["in_a_row"] + (~finite & at_lowest))
        broken = (s["broken_at"] < 0) & (s["in_a_row"] >= self._limit)
        s["broken_at"] = torch.where(broken, step, s["broken_at"])
        if self._fp16:
            since = torch.where(finite, s["since_growth"] + 1, 0)
            grows = since >= _GROWTH_INTERVAL
            after_overflow = (s["scale"] / 2).clamp(min=1.0)
            s["scale"] = torch.where(finite, torch.where(grows, s["scale"] * 2, s["scale"]), after_overflow)
            s["since_growth"] = torch.where(grows, 0, since)

    def numbers(self) -> dict[str, float]:
        """Values for the log: norm before clipping, updates skipped since the run began, in fp16 the scales."""
        numbers = {"gradient_norm": float(self._norm), "skipped": float(self._state["skipped"])}
        if self._blocks is not None:
            numbers |= self._blocks.numbers()
        return numbers | ({"loss_scale": float(self._state["scale"])} if self._fp16 else {})

    def broken_at(self) -> int | None:
        """The step whose update was the last of too many in a row to be skipped; None if there was none."""
        step = int(self._state["broken_at"])
        return step if step >= 0 else None

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of this."""
        return self._state | (self._blocks.tensors() if self._blocks is not None else {})

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` returned."""
        for name, tensor in self._state.items():
            self._state[name] = tensors[name].to(tensor.device)
        if self._blocks is not None:
            self._blocks.restore(tensors)


def _of(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    return [on_this_rank(parameter.grad) for parameter in parameters if parameter.grad is not None]


class Buffers:
    """The learner's state that is no parameter, such as a moving code book, for a step that may have to be undone."""

    def __init__(self, learner: nn.Module) -> None:
        self._buffers = [t for t in learner.state_dict(keep_vars=True).values() if not isinstance(t, nn.Parameter)]
        self._before: list[Tensor] = []

    def keep(self) -> None:
        """Remember the values."""
        self._before = [buffer.clone() for buffer in self._buffers]

    @torch.no_grad()
    def undo_unless(self, finite: Tensor) -> None:
        """Go back to the remembered values where `finite`, a scalar, is false."""
        for buffer, before in zip(self._buffers, self._before, strict=True):
            buffer.copy_(torch.where(finite, buffer, before))
