"""Attention by windows: what the dense mask gives, forward and backward, for any sizes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from models.prior.config import MaskType, PriorModelConfig
from models.prior.masks import stream_mask
from models.prior.structure import BLOCK, structured_attention, windows_of

SPARSE: list[MaskType] = ["row", "column", "conv"]


def shape(grid: int, text: int, kernel: int, heads: int = 2) -> PriorModelConfig:
    sizes = {"text_vocab": 50, "image_vocab": 11}
    return PriorModelConfig(
        width=8 * heads, heads=heads, layers=3, text_length=text, grid=grid, conv_kernel=kernel, **sizes
    )


def by_mask(qkv: torch.Tensor, config: PriorModelConfig, kind: MaskType) -> torch.Tensor:
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=stream_mask(kind, config))
    return mixed.transpose(1, 2).flatten(2)


def random_qkv(config: PriorModelConfig, batch: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    torch.manual_seed(config.grid)
    size = config.width // config.heads
    return torch.randn(batch, config.length, 3, config.heads, size, dtype=dtype).requires_grad_()


@pytest.mark.parametrize("kind", SPARSE)
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9) | st.just(BLOCK), st.integers(2, 7), st.sampled_from([1, 3, 5, 11]), st.integers(1, 2))
def test_outputs_and_gradients_are_those_of_the_dense_mask(kind, grid, text, kernel, batch):
    config = shape(grid, text, kernel)
    plain, structured = random_qkv(config, batch), random_qkv(config, batch)
    upstream = torch.randn(batch, config.length, config.width)
    expected, found = by_mask(plain, config, kind), structured_attention(structured, config, kind)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    expected.backward(upstream)
    found.backward(upstream)
    torch.testing.assert_close(structured.grad, plain.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", SPARSE)
def test_at_the_papers_grid_and_window_too(kind):
    config = shape(grid=32, text=16, kernel=11, heads=1)
    qkv = random_qkv(config, 1)
    torch.testing.assert_close(
        structured_attention(qkv, config, kind), by_mask(qkv, config, kind), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("kind", SPARSE)
def test_gradients_agree_with_finite_differences(kind):
    config = shape(grid=3, text=2, kernel=3, heads=1)
    qkv = random_qkv(config, 1, torch.float64)
    assert torch.autograd.gradcheck(lambda x: structured_attention(x, config, kind), qkv, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "keys"), [("row", BLOCK + 32), ("column", 32), ("conv", BLOCK + 5 + 5 * (BLOCK + 10))]
)
def test_a_window_holds_the_keys_that_a_block_needs_and_few_more(kind, keys):
    windows = windows_of(kind, 32, 11)
    image = torch.arange(1024.0)[None, :, None]
    assert windows.gather(image).shape == (1024 // windows.block, keys, 1)


@pytest.mark.parametrize("kind", SPARSE)
def test_scattering_what_was_gathered_counts_each_position_as_often_as_it_was_seen(kind):
    windows = windows_of(kind, 8, 5)
    ones = torch.ones(2, 64, 1)
    seen = windows.scatter(windows.gather(ones), 64)
    assert seen.sum() == windows.gather(ones).sum()
    assert (seen >= 1).all()
