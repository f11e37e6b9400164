"""A layer keeps what later positions can see, and no more."""

import pytest
import torch

from models.prior.cache import KeyCache, cache_bytes, cached_positions
from models.prior.config import MaskType, PriorModelConfig
from models.prior.masks import image_mask

PROMPTS, HEADS, CANDIDATES, SIZE = 2, 3, 2, 4


def _config(grid: int = 5, kernel: int = 3, layers: int = 4) -> PriorModelConfig:
    return PriorModelConfig(
        text_vocab=20, text_length=6, image_vocab=9, grid=grid, width=12, layers=layers, heads=3, conv_kernel=kernel
    )


@pytest.mark.parametrize("kind", ["row", "column", "conv", "full"])
@pytest.mark.parametrize(("grid", "kernel"), [(5, 3), (4, 5), (3, 5), (2, 1)])
def test_each_position_sees_what_its_mask_allows_and_nothing_else(kind: MaskType, grid: int, kernel: int) -> None:
    config = _config(grid, kernel)
    text = torch.zeros(PROMPTS, HEADS, config.text_length, SIZE)
    cache = KeyCache(kind, config, text, text, CANDIDATES)
    for position, allowed in enumerate(image_mask(kind, grid, kernel)):
        cache.write(torch.full((2, PROMPTS, HEADS, CANDIDATES, SIZE), float(position + 1)), position)
        keys, values, hidden = cache.visible(position)
        assert keys.shape == (PROMPTS * HEADS * CANDIDATES, values.shape[1], SIZE)
        assert torch.equal(keys, values)
        seen = keys[0, :, 0] if hidden is None else keys[0, hidden == 0, 0]
        assert sorted((seen - 1).tolist()) == allowed.nonzero().flatten().tolist()


def test_keys_and_values_stay_those_of_their_prompt_head_and_candidate() -> None:
    config = _config()
    text = torch.zeros(PROMPTS, HEADS, config.text_length, SIZE)
    cache = KeyCache("row", config, text, text, CANDIDATES)
    written = torch.randn(2, PROMPTS, HEADS, CANDIDATES, SIZE)
    cache.write(written, 0)
    keys, values, _ = cache.visible(0)
    assert torch.equal(keys.view(PROMPTS, HEADS, CANDIDATES, SIZE), written[0])
    assert torch.equal(values.view(PROMPTS, HEADS, CANDIDATES, SIZE), written[1])


def test_a_row_layer_keeps_one_row_and_a_conv_layer_a_few() -> None:
    paper = PriorModelConfig()
    kept = {kind: cached_positions(kind, paper) for kind in ("row", "column", "conv", "full")}
    assert kept == {"row": 33, "column": 1024, "conv": 5 * 32 + 5 + 1, "full": 1024}


def test_the_paper_s_caches_take_a_third_of_those_of_whole_images() -> None:
    sparse, dense = (PriorModelConfig(attention=kind) for kind in ("paper", "full"))
    per_layer = 2 * 3_968 * 2  # keys and values of one position in two bytes
    assert cache_bytes(dense, torch.bfloat16) == 64 * 1024 * per_layer
    assert cache_bytes(sparse, torch.bfloat16) == (47 * 33 + 16 * 1024 + 166) * per_layer
