"""The forms of sparse attention agree, whichever computes it."""

import pytest
import torch

from models.prior.attention import attention
from models.prior.config import AttentionForm, MaskType, PriorModelConfig
from models.prior.flex import block_mask
from models.prior.model import Prior


def _config(form: AttentionForm, grid: int, kernel: int) -> PriorModelConfig:
    return PriorModelConfig(
        text_vocab=20,
        text_length=6,
        image_vocab=9,
        grid=grid,
        width=32,
        layers=4,
        heads=2,
        conv_kernel=kernel,
        attention_form=form,
    )


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("form", ["structural", "flex"])
@pytest.mark.parametrize("kind", ["row", "column", "conv"])
@pytest.mark.parametrize(("grid", "kernel"), [(8, 5), (5, 3), (4, 5), (3, 7)])
def test_every_form_gives_what_the_dense_mask_gives(
    form: AttentionForm, kind: MaskType, grid: int, kernel: int
) -> None:
    torch.manual_seed(0)
    qkv = torch.randn(2, 6 + grid**2, 3, 2, 16)
    expected = attention(qkv, _config("dense", grid, kernel), kind)
    torch.testing.assert_close(attention(qkv, _config(form, grid, kernel), kind), expected, atol=1e-5, rtol=0)


def test_the_gradients_of_a_whole_prior_are_the_same_with_the_dense_mask() -> None:
    gradients = []
    for form in ("dense", "structural"):
        torch.manual_seed(0)
        model = Prior(_config(form, 5, 3))
        text, image = model(torch.arange(6)[None], torch.arange(25)[None] % 9)
        (text.square().mean() + image.square().mean()).backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for dense, structural in zip(*gradients, strict=True):
        torch.testing.assert_close(structural, dense, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("kind", "least"), [("row", 65), ("column", 44), ("conv", 50)])
def test_flex_attention_skips_the_blocks_that_a_pattern_hides(kind: MaskType, least: float) -> None:
    assert block_mask(kind, PriorModelConfig(), torch.device("cpu")).sparsity() >= least
