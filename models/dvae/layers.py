"""DVAEEncoder and decoder of the dVAE (paper A.1, and the released network's layout).

Shapes: B images of H x W pixels, grids of h x w codes out of V.
"""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.dvae.config import DVAEModelConfig

COLOURS = 3
OUTPUTS = 6  # mu and ln b for each colour (A.3)
ENCODER_KERNELS = (3, 3, 3, 1)
DECODER_KERNELS = (1, 3, 3, 3)


def convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """A convolution that keeps height and width; weights from N(0, 1 / fan-in), biases 0."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=(kernel - 1) // 2)
    nn.init.normal_(layer.weight, std=1.0 / math.sqrt(inputs * kernel**2))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class BottleneckBlock(nn.Module):
    """id(x) + gain * residual(x): four pre-activated convolutions through a bottleneck of a quarter of the width.

    With `doubles`, it is the block of x with each pixel repeated 2x2, for the decoder's kernels, of which the first is
    1: what looks at single pixels only, that convolution and the identity path, is done on a quarter of the pixels.
    """

    def __init__(self, inputs: int, outputs: int, kernels: tuple[int, ...], gain: float, doubles: bool = False) -> None:
        super().__init__()
        middle = outputs // 4
        channels = (inputs, middle, middle, middle, outputs)
        self.gain = gain
        self.doubles = doubles
        self.id_path = nn.Identity() if inputs == outputs else convolution(inputs, outputs, 1)
        # All but the first overwrite the convolution before them, which nothing else reads.
        self.res_path = nn.Sequential(
            *(
                nn.Sequential(nn.ReLU(inplace=i > 0), convolution(channels[i], channels[i + 1], kernel))
                for i, kernel in enumerate(kernels)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, h, w] to [B, C_out, h, w], or to [B, C_out, 2h, 2w] if it doubles."""
        skip: Tensor = self.id_path(x)
        if not self.doubles:
            return torch.add(skip, self.res_path(x), alpha=self.gain)
        first, *others = self.res_path
        residual = _doubled(first(x))
        for layer in others:
            residual = layer(residual)
        cells = residual.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # [B, C_out, h, 2, w, 2]
        return torch.add(skip[:, :, :, None, :, None], cells, alpha=self.gain).flatten(4).flatten(2, 3)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


class PointwiseFP32(nn.Module):
    """A 1x1 convolution that always runs in fp32, as a matrix product over positions (A.1: next to the relaxation)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / math.sqrt(inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, h, w] of any type to fp32 [B, C_out, h, w], channels last in memory."""
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.float().permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


def _blocks(
    inputs: int, outputs: int, c: DVAEModelConfig, kernels: tuple[int, ...], doubles: bool = False
) -> list[nn.Module]:
    widths = [inputs] + [outputs] * c.blocks_per_group
    return [
        BottleneckBlock(widths[i], widths[i + 1], kernels, c.residual_gain, doubles and i == 0)
        for i in range(c.blocks_per_group)
    ]


class DVAEEncoder(nn.Module):
    """Mapped pixels, phi(x) of A.3, to raw logits over the codes."""

    def __init__(self, c: DVAEModelConfig) -> None:
        super().__init__()
        self.unshuffle = c.stem_factor
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        stem_inputs = COLOURS * c.stem_factor**2
        stages["input"] = convolution(stem_inputs, c.hidden, 7 if c.stem == "conv7" else 3)
        inputs = c.hidden
        for group, width in enumerate(c.widths, start=1):
            pool: list[nn.Module] = [nn.MaxPool2d(2)] if group < c.groups else []
            stages[f"group_{group}"] = nn.Sequential(*_blocks(inputs, width, c, ENCODER_KERNELS), *pool)
            inputs = width
        self.blocks = nn.Sequential(stages)
        self.output = PointwiseFP32(inputs, c.vocab_size)

    def forward(self, x: Tensor) -> Tensor:
        """Mapped pixels [B, 3, H, W] to fp32 logits [B, V, h, w]."""
        if self.unshuffle > 1:
            x = F.pixel_unshuffle(x, self.unshuffle).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.output(F.relu(self.blocks(x)))
        return logits


class DVAEDecoder(nn.Module):
    """A grid of weights of the codes to the parameters of the pixels' distribution."""

    def __init__(self, c: DVAEModelConfig) -> None:
        super().__init__()
        self.shuffle = c.stem_factor
        self.input = PointwiseFP32(c.vocab_size, c.decoder_init)
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        inputs = c.decoder_init
        for group, width in enumerate(reversed(c.widths), start=1):
            stages[f"group_{group}"] = nn.Sequential(*_blocks(inputs, width, c, DECODER_KERNELS, doubles=group > 1))
            inputs = width
        self.blocks = nn.Sequential(stages)
        self.output = convolution(inputs, OUTPUTS * c.stem_factor**2, 1)

    def forward(self, soft: Tensor) -> Tensor:
        """Code weights [B, V, h, w] to mu and ln b, [B, 6, H, W]."""
        return self._from_vectors(self.input(soft))

    def from_codes(self, codes: Tensor) -> Tensor:
        """Codes, int64 [B, h, w], to [B, 6, H, W]: the vectors are looked up, no one-hot map is made."""
        vectors = F.embedding(codes, self.input.weight.t()) + self.input.bias
        return self._from_vectors(vectors.permute(0, 3, 1, 2))

    def _from_vectors(self, x: Tensor) -> Tensor:
        x = self.output(F.relu(self.blocks(x)))
        return F.pixel_shuffle(x, self.shuffle) if self.shuffle > 1 else x
