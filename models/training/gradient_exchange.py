"""What happens to gradients between machines: their mean is taken, plainly or by PowerSGD, inside the backward pass."""

from collections.abc import Callable, Mapping
from functools import partial
from math import ceil, prod
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from models.training.distributed import on_this_rank
from models.training.power_sgd import CompressedWeight, PowerSGD

ScaleOf = Callable[[Tensor], Tensor | None]


class GradientExchange:
    """Means over machines of the gradients that FSDP2 has averaged and cut inside each machine.

    Each module has a hook. FSDP2 calls the hooks one after the other, in the order of the backward pass, which is that
    of every rank; and what a hook sends does not depend on the gradients. Ranks that issued collectives in different
    orders would wait for each other for ever, or mix up tensors.
    """

    def __init__(self, group: dist.ProcessGroup) -> None:
        """Args:
        group: the ranks that hold the same shards, one of each machine.
        """
        self._group = group
        self._is_last = True
        self._scale_of: ScaleOf = lambda weight: None

    def attach(self, module: FSDPModule, names: Mapping[int, str], compressed: Mapping[str, CompressedWeight]) -> None:
        """Take care of the gradients of a module's own weights.

        Args:
            names: of weights, by their ids.
            compressed: what PowerSGD keeps of weights, by their names.
        """
        # Only FSDP2 knows the order in which it lays out gradients; and of unused weights there are some if it is told.
        module.set_reduce_scatter_unused_params(True, recurse=False)
        groups: Any = module._get_fsdp_state()._fsdp_param_groups
        owned = [each.sharded_param for group in groups for each in group.fsdp_params]
        power_sgd = PowerSGD({n: compressed[n] for each in owned if (n := names[id(each)]) in compressed})
        module.set_all_reduce_hook(partial(self._exchange, owned, [names[id(each)] for each in owned], power_sgd))

    def begin(self, is_last: bool, scale_of: ScaleOf) -> None:
        """Prepare for a backward pass.

        Args:
            is_last: of those whose gradients are added up; only after it anything is exchanged.
            scale_of: by what a weight's gradient is multiplied, if by anything; error buffers hold it without that.
        """
        self._is_last, self._scale_of = is_last, scale_of

    @torch.no_grad()
    def _exchange(self, weights: list[DTensor], names: list[str], power_sgd: PowerSGD, flat: Tensor) -> None:
        """The hook: `flat` holds the gradients of this rank's shards, and what is left there becomes theirs."""
        if not self._is_last:
            return  # FSDP2 adds it to those of the parts before
        gradients = dict(zip(names, _shares(flat, weights), strict=True))
        for weight, gradient in zip(weights, gradients.values(), strict=True):
            if weight.grad is not None:
                _move(weight, gradient)
        if not power_sgd.weights:
            self.mean(flat)
            return
        pairs = zip(weights, gradients.values(), strict=True)
        scaled = [(gradient, scale) for weight, gradient in pairs if (scale := self._scale_of(weight)) is not None]
        for gradient, scale in scaled:
            gradient.div_(scale)
        compressed = [gradients.pop(name) for name in power_sgd.weights]
        power_sgd.exchange(compressed, list(gradients.values()), self.mean)
        for gradient, scale in scaled:
            gradient.mul_(scale)

    def mean(self, tensor: Tensor) -> None:
        """Replace a tensor by its mean over the machines."""
        if self._group.size() > 1:
            dist.all_reduce(tensor, group=self._group)
            tensor.div_(self._group.size())


def _move(weight: DTensor, gradient: Tensor) -> None:
    """Add the gradient that a weight has from earlier parts of the batch to the last part's, and take it away."""
    assert weight.grad is not None
    earlier = on_this_rank(weight.grad)
    gradient.add_(earlier)
    if earlier.is_cuda:
        earlier.record_stream(torch.cuda.current_stream())  # whose memory belongs to another stream
    weight.grad = None  # else FSDP2 would add it once more


def _shares(flat: Tensor, weights: list[DTensor]) -> list[Tensor]:
    """Views of FSDP2's buffer as the gradients of this rank's shards, each of which is padded to the largest."""
    found, start = [], 0
    for weight in weights:
        own = on_this_rank(weight)
        axis = weight.placements[0].dim  # type: ignore[attr-defined]
        padded = ceil(weight.shape[axis] / weight.device_mesh.size()) * prod(weight.shape) // weight.shape[axis]
        found.append(flat[start : start + own.numel()].view(own.shape))
        start += padded
    assert start == flat.numel()
    return found
