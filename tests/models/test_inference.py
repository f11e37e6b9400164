"""Linear layers for inference compute what torch computes, and for each row on its own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.inference import InferenceLinear


def _layer(size: int = 48, out: int = 80) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(size, out)


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 4, 7, 64])
def test_it_equals_the_layer_with_and_without_gelu(rows: int) -> None:
    layer = _layer()
    fast, x = InferenceLinear(layer, torch.float32), torch.randn(rows, 48)
    torch.testing.assert_close(fast(x), layer(x), atol=1e-5, rtol=0)
    torch.testing.assert_close(fast(x, gelu=True), F.gelu(layer(x)), atol=1e-5, rtol=0)


@torch.no_grad()
def test_in_bfloat16_it_is_as_close_as_three_digits() -> None:
    layer, x = _layer(), torch.randn(5, 48)
    found = InferenceLinear(layer, torch.bfloat16)(x)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), layer(x), atol=0.03, rtol=0.02)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [4, 8, 12, 33])
def test_a_row_does_not_depend_on_the_others_to_the_last_bit(rows: int, dtype: torch.dtype) -> None:
    fast, x = InferenceLinear(_layer(), dtype), torch.randn(128, 48)
    assert torch.equal(fast(x)[40 : 40 + rows], fast(x[40 : 40 + rows].clone()))


def test_the_layer_may_go_on_to_train_and_the_copy_stays_as_it_was() -> None:
    layer, x = _layer(), torch.randn(4, 48)
    fast = InferenceLinear(layer, torch.bfloat16)
    before = fast(x)
    nn.init.zeros_(layer.weight)
    assert torch.equal(before, fast(x))
