"""Shape of the VQGAN and settings of its training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models.config import TokenizerModelConfig
from models.training.config import TokenizerTrainingConfig

PUBLISHED_NORM_GROUPS = 32


class VQGANModelConfig(TokenizerModelConfig):
    """Layout of encoder, decoder and code book; the defaults are the published f16 network for 256 pixels.

    The descriptions end with the name that the authors' configurations give a value.
    """

    kind: Literal["vqgan"] = "vqgan"
    vocab_size: int = Field(default=1024, ge=2, le=65_536, description="codes; 1024 and 16384 are published (n_embed)")
    channels: int = Field(default=128, gt=0, description="channels at full resolution (ch)")
    channel_factors: tuple[int, ...] = Field(
        default=(1, 1, 2, 2, 4),
        min_length=1,
        description="channels of each level, as multiples of channels; a factor 2 in size lies between two (ch_mult)",
    )
    blocks_per_level: int = Field(default=2, gt=0, description="the decoder has one more (num_res_blocks)")
    attention_sizes: tuple[int, ...] = Field(
        default=(16,), description="sides of the feature maps that attention follows on (attn_resolutions)"
    )
    latent_channels: int = Field(default=256, gt=0, description="channels between encoder and code book (z_channels)")
    code_length: int = Field(default=256, gt=0, description="length of a code's vector (embed_dim)")

    @property
    def factor(self) -> int:
        """Pixels per side of one code."""
        return int(2 ** (len(self.channel_factors) - 1))

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the encoder's levels; the decoder's are the same backwards."""
        return tuple(self.channels * factor for factor in self.channel_factors)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides of the feature maps of the encoder's levels."""
        return tuple(self.image_size // 2**level for level in range(len(self.channel_factors)))

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if min(self.channel_factors) < 1:
            raise ValueError(f"channel_factors {self.channel_factors} are not all positive")
        if self.image_size % self.factor:
            raise ValueError(f"image_size {self.image_size} is not a multiple of the downsampling factor {self.factor}")
        if unknown := set(self.attention_sizes) - set(self.sizes):
            raise ValueError(f"attention_sizes {sorted(unknown)} are not among the sides of the levels, {self.sizes}")
        for width in self.widths:
            if width % norm_groups(width):
                raise ValueError(f"{width} channels do not divide into {norm_groups(width)} groups of a normalisation")
        return self


def norm_groups(channels: int) -> int:
    """Groups of the normalisation of that many channels: the published 32, or fewer in narrow networks."""
    return min(PUBLISHED_NORM_GROUPS, channels)


class VQGANTrainingConfig(TokenizerTrainingConfig):
    """Training of the VQGAN: an L1 loss, and what the authors add to it, off by default.

    Ours are the moving averages of the code book and the restarts. The authors learn the code book by gradients, and
    their weight of 0.25 is on that term instead of the commitment, a mistake that their code keeps and documents.
    """

    beta1: float = Field(default=0.5, ge=0, lt=1)
    beta2: float = Field(default=0.9, ge=0, lt=1)
    clip_norm: float | None = Field(
        default=None,
        gt=0,
        description="bound on the global gradient norm, which counts the discriminator's gradients too",
    )
    commitment_weight: float = Field(
        default=0.25, ge=0, description="weight of the latent vectors' distance to their codes"
    )
    code_book_decay: float = Field(default=0.99, ge=0, lt=1, description="decay per update of the code book's averages")
    restart_below: float | None = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="a code used less than this share of an equal share starts again at a latent vector of the batch; "
        "never when unset",
    )
    perceptual_network: str | None = Field(
        default=None,
        description="path of a TorchScript file that maps two batches of images in [-1, 1] to their distances",
    )
    perceptual_weight: float = Field(default=1.0, ge=0)
    adversarial_weight: float = Field(
        default=0.0, ge=0, description="weight of the patch discriminator, 0.8 as published; 0 trains without one"
    )
    adversarial_start: int = Field(
        default=0, ge=0, description="step from which the discriminator learns and counts; 250,001 as published"
    )
    discriminator_channels: int = Field(default=64, gt=0, description="channels of its first layer")
    discriminator_layers: int = Field(default=3, gt=0, description="its layers that halve the size")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.accumulate > 1:
            raise ValueError("accumulate must be 1: the code book moves once a batch, by all of its latent vectors")
        return self
