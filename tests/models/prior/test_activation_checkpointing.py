"""Activations that are computed again for the gradients: the same gradients for less memory."""

import weakref
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.prior.config import PriorModelConfig
from models.prior.losses import image_loss
from models.prior.model import Prior
from models.training.config import Precision
from models.training.precision import autocast

LAYERS = 8


class Allocations(TorchDispatchMode):
    """Counts the bytes of tensors that are made inside the block and still in use, and the most there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._known.update(each.untyped_storage() for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor))
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage()) not in self._known:
                self._known.add(storage)
                self._count(storage.nbytes())
                weakref.finalize(storage, self._count, -storage.nbytes())
        return result

    def _count(self, size: int) -> None:
        self._now += size
        self.peak = max(self.peak, self._now)


def _prior(attention: str) -> Prior:
    torch.manual_seed(0)
    sizes = {
        "text_vocab": 20,
        "text_length": 8,
        "image_vocab": 13,
        "grid": 8,
        "width": 32,
        "layers": LAYERS,
        "heads": 2,
    }
    return Prior(PriorModelConfig.model_validate(sizes | {"conv_kernel": 3, "attention": attention}))


def _gradients(model: Prior, again: bool, precision: Precision = "fp32") -> tuple[dict[str, Tensor], int]:
    """The gradients of a loss, and the most bytes that were in use for them."""
    model.activation_checkpointing = again
    model.zero_grad(set_to_none=True)
    random = torch.Generator().manual_seed(0)
    captions, codes = (torch.randint(0, 13, (16, n), generator=random) for n in (8, 64))
    with Allocations() as allocations:
        with autocast(precision, torch.device("cpu")):
            loss = image_loss(model(captions, codes)[1], codes)
        loss.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, allocations.peak


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("attention", ["paper", "full"])
def test_the_gradients_have_the_same_bits(attention: str, precision: Precision) -> None:
    model = _prior(attention)
    kept, again = (_gradients(model, flag, precision)[0] for flag in (False, True))
    assert len(kept) > 10 * LAYERS
    assert all(torch.equal(kept[name], again[name]) for name in kept)


@pytest.mark.parametrize("attention", ["paper", "full"])
def test_eight_layers_need_less_than_a_third_of_the_memory(attention: str) -> None:
    model = _prior(attention)
    _gradients(model, again=False)  # so that masks that are made once count for neither
    (_, kept), (_, again) = (_gradients(model, flag) for flag in (False, True))
    assert again < kept / 3
