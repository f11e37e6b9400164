"""Muon (Jordan et al. 2024): momentum whose update of a matrix is orthogonalised. Not in the paper, which uses AdamW.

Adam's updates of a matrix are dominated by the directions that most examples share. Muon's have the same length in all
directions, so what only a few captions need is learned as fast, which helps short runs.

Not `torch.optim.Muon`: it orthogonalises in bfloat16, which is 35 times slower than fp32 on a CPU that has to emulate
it, one matrix at a time, it treats the stacked query, key and value matrix as one matrix, and it cannot skip an update
by a flag on the device.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # quintic whose iterates send singular values to about 1
_NEWTON_SCHULZ_STEPS = 5
_AT_A_TIME = 32  # matrices, which bounds the memory


@dataclass(frozen=True)
class Matrix:
    """A weight [out, in] to be trained by Muon; `parts` equal blocks of its rows are matrices of their own."""

    weight: Tensor
    parts: int = 1


def orthogonalised(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """About U V^T of the singular value decomposition U S V^T of each of [k, m, n]: singular values of 0.7 to 1.2.

    Args:
        dtype: of the multiplications; the result is fp32.
    """
    a, b, c = _NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = (x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)).to(dtype)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; the learning rate is scaled by max(1, sqrt(rows / columns)).

    Weight decay is decoupled, as AdamW's: by learning rate times decay at each update.

    Attributes:
        found_inf: a scalar; where it is 1, `step` changes nothing. The fused AdamW has the same.
    """

    def __init__(
        self,
        matrices: Sequence[Matrix],
        learning_rate: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Train these matrices.

        Args:
            dtype: in which updates are orthogonalised; bfloat16 is as good and, where hardware computes it, faster.
        """
        super().__init__([matrix.weight for matrix in matrices], {"lr": learning_rate})
        self.found_inf: Tensor | None = None
        self._weight_decay = weight_decay
        self._matrices = list(matrices)
        self._momentum = momentum
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every matrix; ranks share the work and exchange the updates."""
        rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        updates = [self._ahead(matrix) for matrix in self._matrices]
        for parts in self._of_one_shape(updates):
            ours = parts[rank::world]
            for part, direction in zip(ours, self._directions(ours), strict=True):
                part.copy_(direction)
            for number, part in enumerate(parts):
                if number % world != rank:
                    part.zero_()
        if world > 1:
            flat = torch.cat([update.flatten() for update in updates])
            dist.all_reduce(flat)
            sizes = [update.numel() for update in updates]
            updates = [part.view_as(old) for part, old in zip(flat.split(sizes), updates, strict=True)]
        lr = self.param_groups[0]["lr"]
        for matrix, update in zip(self._matrices, updates, strict=True):
            self._change(matrix.weight, matrix.weight.mul(1.0 - lr * self._weight_decay).add_(update, alpha=-lr))

    def _of_one_shape(self, updates: Sequence[Tensor]) -> list[list[Tensor]]:
        """The parts of all matrices, as views of their updates, those of equal shape together."""
        found: dict[torch.Size, list[Tensor]] = {}
        for matrix, update in zip(self._matrices, updates, strict=True):
            for part in update.chunk(matrix.parts):
                found.setdefault(part.shape, []).append(part)
        return list(found.values())

    def _directions(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """What each of some matrices of one shape moves along."""
        found: list[Tensor] = []
        for first in range(0, len(parts), _AT_A_TIME):
            stack = torch.stack(tuple(parts[first : first + _AT_A_TIME]))
            longer = max(1.0, stack.shape[1] / stack.shape[2]) ** 0.5
            found += orthogonalised(stack, self._dtype).mul_(longer).unbind()
        return found

    def _ahead(self, matrix: Matrix) -> Tensor:
        gradient = matrix.weight.grad
        assert gradient is not None
        state = self.state[matrix.weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        self._change(state["momentum"], state["momentum"].lerp(gradient, 1 - self._momentum))
        return gradient.lerp(state["momentum"], self._momentum)

    def _change(self, tensor: Tensor, changed: Tensor) -> None:
        """Unless the update is skipped."""
        if self.found_inf is None:
            tensor.copy_(changed)
        else:
            torch.where(self.found_inf > 0, tensor, changed, out=tensor)
