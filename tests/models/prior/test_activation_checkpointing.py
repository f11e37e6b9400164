"""Activations that are computed again for the gradients: the same gradients for less memory."""

import pytest
import torch
from allocations import Allocations
from torch import Tensor

from models.prior.config import PriorModelConfig
from models.prior.losses import image_loss
from models.prior.model import Prior
from models.training.config import Precision
from models.training.precision import autocast

LAYERS = 8


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
            loss = image_loss(model.states(captions, codes)[1], model.image_head, codes)
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
