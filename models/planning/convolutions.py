"""Weights and operations of a dVAE, convolution by convolution. Imports no torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.dvae.config import DVAEModelConfig

_COLOURS, _OUTPUTS = 3, 6
_ENCODER_KERNELS, _DECODER_KERNELS = (3, 3, 3, 1), (1, 3, 3, 3)  # `models.dvae.layers`


@dataclass(frozen=True)
class Convolution:
    """One convolution with its bias, on a map of `side` x `side`."""

    inputs: int
    outputs: int
    kernel: int
    side: int

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.outputs * (self.inputs * self.kernel**2 + 1)

    @property
    def flops(self) -> int:
        """Of the forward pass of one image."""
        return 2 * self.inputs * self.outputs * self.kernel**2 * self.side**2


def convolutions(c: DVAEModelConfig) -> list[Convolution]:
    """All of encoder and decoder (A.1)."""
    return [*_encoder(c), *_decoder(c)]


def training_flops(c: DVAEModelConfig) -> int:
    """Operations of one image: forward, and twice that for the gradients."""
    return 3 * sum(layer.flops for layer in convolutions(c))


def _encoder(c: DVAEModelConfig) -> Iterator[Convolution]:
    side = c.image_size // c.stem_factor
    yield Convolution(_COLOURS * c.stem_factor**2, c.hidden, 7 if c.stem == "conv7" else 3, side)
    inputs = c.hidden
    for group, width in enumerate(c.widths):
        for _ in range(c.blocks_per_group):
            yield from _block(inputs, width, _ENCODER_KERNELS, [side >> group] * 4, side >> group)
            inputs = width
    yield Convolution(inputs, c.vocab_size, 1, c.grid)


def _decoder(c: DVAEModelConfig) -> Iterator[Convolution]:
    side, inputs = c.grid, c.decoder_init
    yield Convolution(c.vocab_size, inputs, 1, side)
    for group, width in enumerate(reversed(c.widths)):
        for block in range(c.blocks_per_group):
            doubles = group > 0 and block == 0
            after = 2 * side if doubles else side  # what reads the input comes before the upsampling
            yield from _block(inputs, width, _DECODER_KERNELS, [side, after, after, after], side)
            inputs, side = width, after
    yield Convolution(inputs, _OUTPUTS * c.stem_factor**2, 1, side)


def _block(
    inputs: int, outputs: int, kernels: tuple[int, ...], sides: list[int], skip_side: int
) -> Iterator[Convolution]:
    channels = [inputs, *[outputs // 4] * 3, outputs]
    for i, (kernel, side) in enumerate(zip(kernels, sides, strict=True)):
        yield Convolution(channels[i], channels[i + 1], kernel, side)
    if inputs != outputs:
        yield Convolution(inputs, outputs, 1, skip_side)
