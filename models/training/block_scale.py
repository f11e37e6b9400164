"""fp16 with a scale of its own for the gradients of each residual branch (paper 2.4, D), for GPUs without bf16.

The norms of activations' gradients fall from block to block, further than the five exponent bits of fp16 reach. So the
residual stream stays fp32, and each branch computes its gradients with a scale that suits it.

The paper divides the loss by the batch of all M replicas, and multiplies every scale by M to make up for it (D). Here a
rank's loss is the mean over its own share, and the division by M comes after the backward pass. So M is in neither, and
the fp16 numbers are the paper's.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from models.training.distributed import on_this_rank

FIRST = 2.0**13
LOWEST, HIGHEST = 2.0**7, 2.0**24
GROWTH = 2.0 ** (1 / 1000)  # a factor at every update without an overflow
BACKOFF = 2.0**-0.5  # a factor at an overflow
WINDOW = 125  # updates in which a scale is lowered once


class Branch:
    """Layers in a row whose result is added to their input. A plain object, so that the layers keep their names.

    Attributes:
        scale: scalar by which the branch's gradients are multiplied under autocast; unset: they are not, and the branch
            is no more than its layers.
    """

    def __init__(self, *layers: nn.Module) -> None:
        self.layers = layers
        self.scale: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """What is to be added to x, [..., C]; fp32 if the branch has a scale."""
        if self.scale is None or not torch.is_autocast_enabled(x.device.type):
            return self._through_layers(x)
        scaled: Tensor = _Leave.apply(self._through_layers(_Enter.apply(x, self.scale)), self.scale)
        return scaled

    def parameters(self) -> list[nn.Parameter]:
        """Of all layers."""
        return [parameter for layer in self.layers for parameter in layer.parameters()]

    def _through_layers(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class _Enter(torch.autograd.Function):
    """fp32 to fp16. Back: what is not finite becomes 0, or it would lower the scales of all blocks before this one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(scale)
        return x.half()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (scale,) = ctx.saved_tensors
        return gradients[0].nan_to_num(nan=0.0, posinf=0.0, neginf=0.0).float() / scale, None


class _Leave(torch.autograd.Function):
    """fp16 to fp32. Back: the gradient of the residual stream, multiplied by the scale, to fp16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(scale)
        return x.float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (scale,) = ctx.saved_tensors
        return (gradients[0] * scale).half(), None


class BlockScales:
    """The scales of all branches. Every value is a tensor on the device, and nothing here waits for it.

    They are the same on all ranks, as long as `finite` is.

    Attributes:
        scales: fp32 [K] for K branches.
        finite: whether the gradients of each branch were finite at the last update, bool [K]; of sharded gradients,
            `unscale` sees only this rank's parts, and the caller sets what all ranks agree on.
    """

    def __init__(self, branches: Sequence[Branch], device: torch.device) -> None:
        """Give every branch its scale."""
        self._branches = list(branches)
        self.scales = torch.full((len(self._branches),), FIRST, device=device)
        self.finite = torch.ones_like(self.scales, dtype=torch.bool)
        self._since_lowered = torch.full_like(self.scales, WINDOW, dtype=torch.int64)
        for branch, scale in zip(self._branches, self.scales.unbind(), strict=True):
            branch.scale = scale  # a view, which changes with `scales`

    @torch.no_grad()
    def unscale(self) -> None:
        """Divide the gradients by their scales and see which are finite: once an update, before they are clipped."""
        finite = []
        for branch, scale in zip(self._branches, self.scales, strict=True):
            found = [parameter.grad for parameter in branch.parameters()]
            gradients = [on_this_rank(gradient) for gradient in found if gradient is not None]
            torch._foreach_div_(gradients, scale)
            finite.append(get_total_norm(gradients).isfinite())
        self.finite = torch.stack(finite)

    def at_lowest(self) -> Tensor:
        """Whether a branch's gradients are not finite though its scale cannot be lowered, a scalar."""
        return (~self.finite & (self.scales <= LOWEST)).any()

    def move(self) -> None:
        """Raise the scales of branches whose gradients were finite, and lower those of others, for the next update."""
        self._since_lowered += 1
        lowered = ~self.finite & (self._since_lowered >= WINDOW)
        self._since_lowered.masked_fill_(lowered, 0)
        factors = torch.where(self.finite, GROWTH, torch.where(lowered, BACKOFF, 1.0))
        self.scales.mul_(factors).clamp_(LOWEST, HIGHEST)

    def numbers(self) -> dict[str, float]:
        """Lowest, median and highest scale, for the log."""
        ordered = sorted(self.scales.tolist())
        middle = ordered[len(ordered) // 2]
        return {"block_scale_min": ordered[0], "block_scale_median": middle, "block_scale_max": ordered[-1]}

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of this."""
        return {"block_scales": self.scales, "since_lowered": self._since_lowered}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` returned."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
