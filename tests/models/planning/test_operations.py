"""Planned operations are those that torch counts in the real model; planned pairs are those of the masks."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.dvae.config import DVAEModelConfig
from models.dvae.model import DVAE
from models.planning import attention_windows
from models.planning.attention_windows import allowed_pairs, computed_pairs, window_keys
from models.planning.convolutions import convolutions
from models.planning.operations import blocks_flops, forward_flops, hardware_flops, model_flops
from models.prior import structure
from models.prior.config import MaskType, PriorModelConfig
from models.prior.masks import stream_mask
from models.prior.model import Prior

SMALL: dict[str, Any] = {"width": 64, "heads": 2, "layers": 4, "text_vocab": 50, "text_length": 12, "image_vocab": 32}
SPARSE: tuple[MaskType, ...] = ("row", "column", "conv")


@pytest.mark.parametrize("kind", [*SPARSE, "full"])
@pytest.mark.parametrize(("grid", "kernel"), [(4, 3), (16, 11), (8, 5)])
def test_allowed_pairs_are_those_of_the_mask(kind: MaskType, grid: int, kernel: int) -> None:
    config = PriorModelConfig(**SMALL, grid=grid, conv_kernel=kernel)
    assert allowed_pairs(kind, config) == int(stream_mask(kind, config).sum())


def test_at_the_papers_size_they_are_the_known_counts() -> None:
    assert [allowed_pairs(kind, PriorModelConfig()) for kind in (*SPARSE, "full")] == [
        328_304,
        311_936,
        352_209,
        819_840,
    ]


@pytest.mark.parametrize("kind", SPARSE)
@pytest.mark.parametrize("grid", [4, 16, 32])
def test_windows_are_those_of_the_layers(kind: MaskType, grid: int) -> None:
    windows = structure.windows_of(kind, grid, 11)
    assert window_keys(kind, PriorModelConfig(grid=grid)) == (sum(windows.lengths), windows.block)
    assert attention_windows.BLOCK == structure.BLOCK


@pytest.mark.parametrize("grid", [8, 16])
def test_a_forward_pass_has_the_operations_that_torch_counts(grid: int) -> None:
    model = Prior(PriorModelConfig(**SMALL, grid=grid, conv_kernel=5))
    config = model.config
    captions = torch.zeros(3, config.caption_length, dtype=torch.int64)
    codes = torch.zeros(3, config.codes_per_image, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(captions, codes)
    # torch does not count `baddbmm_`, by which the text's values are added to an image position's.
    uncounted = config.layers * 2 * config.width * config.codes_per_image * config.text_length
    assert counter.get_total_flops() == 3 * (forward_flops(config, computed=True) - uncounted)


def test_dense_attention_computes_all_pairs_and_allows_half() -> None:
    config = PriorModelConfig(**SMALL, grid=8, attention="full")
    assert computed_pairs("full", config) == config.length**2
    assert allowed_pairs("full", config) == config.length * (config.length + 1) // 2


def test_checkpointing_computes_the_blocks_once_more() -> None:
    config = PriorModelConfig()
    more = hardware_flops(config, checkpointing=True) - hardware_flops(config, checkpointing=False)
    assert more == blocks_flops(config, computed=True)
    assert model_flops(config) / config.length == pytest.approx(6 * 12.2e9, rel=0.02)


@pytest.mark.parametrize(
    "config",
    [
        DVAEModelConfig(image_size=32, hidden=32, vocab_size=64, decoder_init=16),
        DVAEModelConfig(image_size=48, vocab_size=64, hidden=16, groups=2, stem="unshuffle", unshuffle_factor=3),
    ],
)
def test_a_dvae_has_the_weights_and_operations_that_torch_counts(config: DVAEModelConfig) -> None:
    model, layers = DVAE(config), convolutions(config)
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in model.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.decode_soft(model.raw_logits(torch.zeros(2, 3, config.image_size, config.image_size)))
    assert counter.get_total_flops() == 2 * sum(layer.flops for layer in layers)


def test_the_released_dvae_has_its_weights() -> None:
    assert sum(layer.parameters for layer in convolutions(DVAEModelConfig())) == 53_786_240 + 43_829_766
