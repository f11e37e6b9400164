"""The network computes what the authors' code does; the numbers here are that code's (taming-transformers 3ba01b2)."""

import math

import pytest
import torch
from torch import Tensor

from models.vqgan.config import VQGANModelConfig
from models.vqgan.model import VQGAN, signed, unsigned

LAYOUT = VQGANModelConfig(
    image_size=16,
    vocab_size=24,
    channels=32,
    channel_factors=(1, 2),
    blocks_per_level=1,
    attention_sizes=(8,),
    latent_channels=6,
    code_length=5,
)
# Of VQModel with this layout and the weights of `vqgan`: by row and column.
LATENTS = {
    (0, 0): [-0.49279, 0.02217, -0.01044, 0.4955, -1.16356],
    (3, 5): [-0.61895, -0.18828, 0.09804, 0.36573, -1.11918],
    (7, 7): [-0.25145, 0.00315, 0.04674, 0.34397, -1.28388],
}
FIRST_CODES = [6, 21, 21, 21, 6, 6, 6, 6]
PIXELS = {
    (0, 0): [0.38234, 0.96521, 0.37444],
    (5, 10): [0.20401, 0.85776, 0.38269],
    (15, 15): [0.67585, 0.91861, 0.52707],
}


def noise(shape: tuple[int, ...], number: int) -> Tensor:
    """Numbers in [-1, 1] that look random and need no generator, whose draws another version may change."""
    wave = 1e4 * torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) + 1000.0 * number)
    return (2 * (wave - wave.floor()) - 1).float().view(shape)


@pytest.fixture
def vqgan() -> VQGAN:
    """Every weight is noise of its own, scaled to its fan-in; gains lie around 1."""
    model = VQGAN(LAYOUT).eval().requires_grad_(False)
    for number, (name, tensor) in enumerate(sorted(model.state_dict().items())):
        own = noise(tuple(tensor.shape), number)
        gain = "norm" in name and name.endswith("weight")
        tensor.copy_(1 + own / 2 if gain else own / tensor[0].numel() ** 0.5)
    return model


def test_the_encoder_computes_what_the_authors_does(vqgan: VQGAN) -> None:
    images = (1 + noise((1, 3, 16, 16), 500)) / 2
    latents = vqgan.latents(signed(images))
    for (row, column), expected in LATENTS.items():
        torch.testing.assert_close(latents[0, :, row, column], torch.tensor(expected), atol=5e-5, rtol=0)
    assert vqgan.encode(images)[0, :8].tolist() == FIRST_CODES


def test_the_decoder_computes_what_the_authors_does(vqgan: VQGAN) -> None:
    codes = torch.arange(64)[None] * 7 % 24
    images = vqgan.decode(codes)
    for (row, column), expected in PIXELS.items():
        torch.testing.assert_close(images[0, :, row, column], torch.tensor(expected), atol=5e-5, rtol=0)


def test_the_networks_range_is_twice_that_of_pixels() -> None:
    pixels = torch.tensor([0.0, 0.25, 1.0])
    assert signed(pixels).tolist() == [-1.0, -0.5, 1.0]
    assert torch.equal(unsigned(signed(pixels)), pixels)
    assert unsigned(torch.tensor([-1.5, 1.5])).tolist() == [0.0, 1.0]
