"""Muon (Jordan et al. 2024): momentum whose update of a matrix is orthogonalised. Not in the paper, which uses AdamW.

Adam's updates of a matrix are dominated by the directions that most examples share. Muon's have the same length in all
directions, so what only a few captions need is learned as fast, which helps short runs.

Not `torch.optim.Muon`: it orthogonalises in bfloat16, which is 35 times slower than fp32 on a CPU that has to emulate
it, it treats the stacked query, key and value matrix as one matrix, and it cannot skip an update by a flag on the
device. Where the hardware supports bfloat16, both learn the demo equally well (tests/bench/RESULTS.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # quintic whose iterates send singular values to about 1
_NEWTON_SCHULZ_STEPS = 5


@dataclass(frozen=True)
class Matrix:
    """A weight [out, in] to be trained by Muon; `parts` equal blocks of its rows are matrices of their own."""

    weight: Tensor
    parts: int = 1


def orthogonalised(matrix: Tensor) -> Tensor:
    """About U V^T of the singular value decomposition U S V^T of [m, n]: singular values between 0.7 and 1.2."""
    a, b, c = _NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; the learning rate is scaled by max(1, sqrt(rows / columns)).

    Weight decay is decoupled, as AdamW's: by learning rate times decay at each update.

    Attributes:
        found_inf: a scalar; where it is 1, `step` changes nothing. The fused AdamW has the same.
    """

    def __init__(
        self, matrices: Sequence[Matrix], learning_rate: float, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        super().__init__([matrix.weight for matrix in matrices], {"lr": learning_rate})
        self.found_inf: Tensor | None = None
        self._weight_decay = weight_decay
        self._matrices = list(matrices)
        self._momentum = momentum

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every matrix; ranks share the work and exchange the updates."""
        rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        updates = [torch.zeros_like(matrix.weight) for matrix in self._matrices]
        for place, (matrix, update) in enumerate(zip(self._matrices, updates, strict=True)):
            ahead = self._ahead(matrix)
            if place % world == rank:
                torch.cat([_direction(part) for part in ahead.chunk(matrix.parts)], out=update)
        if world > 1:
            flat = torch.cat([update.flatten() for update in updates])
            dist.all_reduce(flat)
            sizes = [update.numel() for update in updates]
            updates = [part.view_as(old) for part, old in zip(flat.split(sizes), updates, strict=True)]
        lr = self.param_groups[0]["lr"]
        for matrix, update in zip(self._matrices, updates, strict=True):
            changed = matrix.weight.mul(1.0 - lr * self._weight_decay).add_(update, alpha=-lr)
            matrix.weight.copy_(self._unless_skipped(changed, matrix.weight))

    def _ahead(self, matrix: Matrix) -> Tensor:
        gradient = matrix.weight.grad
        assert gradient is not None
        state = self.state[matrix.weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        changed = state["momentum"].lerp(gradient, 1 - self._momentum)
        state["momentum"].copy_(self._unless_skipped(changed, state["momentum"]))
        return gradient.lerp(state["momentum"], self._momentum)

    def _unless_skipped(self, changed: Tensor, before: Tensor) -> Tensor:
        return changed if self.found_inf is None else torch.where(self.found_inf > 0, before, changed)


def _direction(part: Tensor) -> Tensor:
    return orthogonalised(part) * max(1.0, part.shape[0] / part.shape[1]) ** 0.5
