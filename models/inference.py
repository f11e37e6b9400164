"""Linear layers with constant weights, for the few rows at a time that sampling has."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InferenceLinear:
    """A linear layer that is not trained any more, in one precision.

    On a CPU the weights are reordered once, for oneDNN: from 4 rows on that is up to twice as fast as `F.linear`, which
    reorders them in each call, and what it gives for a row does not depend on the other rows, to the last bit.
    """

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        self._weight = layer.weight.detach().to(dtype)
        self._bias = layer.bias.detach().to(dtype)
        self._packed = _packed(self._weight)

    def __call__(self, x: Tensor, gelu: bool = False) -> Tensor:
        """Rows [R, in] to [R, out] in the layer's precision, with GELU behind it on demand."""
        x = x.to(self._weight.dtype)
        if self._packed is not None:
            name, kind = ("gelu", "none") if gelu else ("none", "")
            product: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed, self._bias, name, [], kind)
            return product
        product = F.linear(x, self._weight, self._bias)
        return F.gelu(product) if gelu else product


def _packed(weight: Tensor) -> Tensor | None:
    """The weights in oneDNN's order; None where torch comes without it or it does not compute in this precision."""
    mkldnn = torch.ops.mkldnn
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return None
    if weight.dtype == torch.bfloat16 and not mkldnn._is_mkldnn_bf16_supported():
        return None
    packed: Tensor = mkldnn._reorder_linear_weight(weight)
    return packed
