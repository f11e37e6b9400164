"""VQGANEncoder and decoder of the VQGAN. Modules are named as in the published weights, which so load without a map."""

from torch import Tensor, nn
from torch.nn import functional as F

from models.vqgan.config import VQGANModelConfig, norm_groups

COLOURS = 3


def convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Same-size convolution."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def normalisation(channels: int) -> nn.GroupNorm:
    """Group normalisation of feature maps with so many channels."""
    return nn.GroupNorm(norm_groups(channels), channels, eps=1e-6)


class ResidualBlock(nn.Module):
    """x + residual(x): normalisation, swish and convolution, twice."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1 = normalisation(inputs)
        self.conv1 = convolution(inputs, outputs, 3)
        self.norm2 = normalisation(outputs)
        self.conv2 = convolution(outputs, outputs, 3)
        self.nin_shortcut = nn.Identity() if inputs == outputs else convolution(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, h, w] to [B, C_out, h, w]."""
        residual = self.conv1(F.silu(self.norm1(x)))
        residual = self.conv2(F.silu(self.norm2(residual)))
        skip: Tensor = self.nin_shortcut(x)
        return skip + residual


class SpatialAttention(nn.Module):
    """x + attention of every position to every other, with one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normalisation(channels)
        self.q = convolution(channels, channels, 1)
        self.k = convolution(channels, channels, 1)
        self.v = convolution(channels, channels, 1)
        self.proj_out = convolution(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] to the same shape."""
        normed = self.norm(x)
        q, k, v = (layer(normed).flatten(2).transpose(1, 2)[:, None] for layer in (self.q, self.k, self.v))
        seen = F.scaled_dot_product_attention(q, k, v)[:, 0]  # [B, h*w, C]
        return x + self.proj_out(seen.transpose(1, 2).reshape(x.shape))


class Downsample(nn.Module):
    """Half the size by a strided convolution; the padding is on the right and below, as published."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] to [B, C, h/2, w/2]."""
        halved: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return halved


class Upsample(nn.Module):
    """Twice the size by repeating pixels, and a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = convolution(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] to [B, C, 2h, 2w]."""
        doubled: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return doubled


class Level(nn.Module):
    """Blocks at one size, each followed by attention where there is any."""

    def __init__(self, inputs: int, outputs: int, blocks: int, attention: bool) -> None:
        super().__init__()
        widths = [inputs] + [outputs] * blocks
        self.block = nn.ModuleList(ResidualBlock(widths[i], widths[i + 1]) for i in range(blocks))
        self.attn = nn.ModuleList(SpatialAttention(outputs) if attention else nn.Identity() for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, h, w] to [B, C_out, h, w]."""
        for block, attention in zip(self.block, self.attn, strict=True):
            x = attention(block(x))
        return x


class DownLevel(Level):
    """A level of the encoder; all but the last end at half their size."""

    def __init__(self, inputs: int, outputs: int, blocks: int, attention: bool, last: bool) -> None:
        super().__init__(inputs, outputs, blocks, attention)
        self.downsample = nn.Identity() if last else Downsample(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, h, w] to [B, C_out, h/2, w/2], or [B, C_out, h, w] on the last level."""
        out: Tensor = self.downsample(super().forward(x))
        return out


class UpLevel(Level):
    """A level of the decoder; all but the last end at twice their size."""

    def __init__(self, inputs: int, outputs: int, blocks: int, attention: bool, last: bool) -> None:
        super().__init__(inputs, outputs, blocks, attention)
        self.upsample = nn.Identity() if last else Upsample(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, h, w] to [B, C_out, 2h, 2w], or [B, C_out, h, w] on the last level."""
        out: Tensor = self.upsample(super().forward(x))
        return out


class Middle(nn.Module):
    """Blocks around one attention, at the size of the codes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = ResidualBlock(channels, channels)
        self.attn_1 = SpatialAttention(channels)
        self.block_2 = ResidualBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] to the same shape."""
        out: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return out


class VQGANEncoder(nn.Module):
    """Images to latent vectors."""

    def __init__(self, c: VQGANModelConfig) -> None:
        super().__init__()
        self.conv_in = convolution(COLOURS, c.channels, 3)
        inputs = (c.channels, *c.widths)
        last = len(c.widths) - 1
        self.down = nn.ModuleList(
            DownLevel(inputs[i], width, c.blocks_per_level, c.sizes[i] in c.attention_sizes, i == last)
            for i, width in enumerate(c.widths)
        )
        self.mid = Middle(c.widths[-1])
        self.norm_out = normalisation(c.widths[-1])
        self.conv_out = convolution(c.widths[-1], c.latent_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Images in [-1, 1], [B, 3, H, W], to [B, Z, h, w]."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        latents: Tensor = self.conv_out(F.silu(self.norm_out(self.mid(x))))
        return latents


class VQGANDecoder(nn.Module):
    """Latent vectors to images; its levels are numbered as the encoder's and run backwards."""

    def __init__(self, c: VQGANModelConfig) -> None:
        super().__init__()
        self.conv_in = convolution(c.latent_channels, c.widths[-1], 3)
        self.mid = Middle(c.widths[-1])
        inputs = (*c.widths[1:], c.widths[-1])
        self.up = nn.ModuleList(
            UpLevel(inputs[i], width, c.blocks_per_level + 1, c.sizes[i] in c.attention_sizes, i == 0)
            for i, width in enumerate(c.widths)
        )
        self.norm_out = normalisation(c.widths[0])
        self.conv_out = convolution(c.widths[0], COLOURS, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[B, Z, h, w] to images that should lie in [-1, 1], [B, 3, H, W]."""
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        images: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return images
