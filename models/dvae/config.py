"""Shape of the dVAE and settings of its training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models.config import TokenizerModelConfig
from models.training.config import TokenizerTrainingConfig


class DVAEModelConfig(TokenizerModelConfig):
    """Layout of encoder and decoder; the defaults are the paper's released network (appendix A.1).

    `stem="unshuffle"`, `standardise_logits`, `post_gain` and `min_log_scale` are additions to the paper, for
    small and short runs, and off by default.
    """

    kind: Literal["dvae"] = "dvae"
    hidden: int = Field(default=256, gt=0, description="channels of the first group; they double with each group")
    groups: int = Field(default=4, gt=0, description="groups of blocks; a factor 2 lies between two groups")
    blocks_per_group: int = Field(default=2, gt=0)
    decoder_init: int = Field(default=128, gt=0, description="length of a code's vector in the decoder")
    stem: Literal["conv7", "unshuffle"] = Field(
        default="conv7",
        description="conv7 is the paper's 7x7 convolution at full resolution; unshuffle folds squares of "
        "unshuffle_factor pixels into channels, which costs a fraction of the time",
    )
    unshuffle_factor: int = Field(default=2, ge=2, description="used by the unshuffle stem only")
    post_gain: float | None = Field(
        default=None, gt=0, description="residual gain; 1 / (number of blocks)^2 when unset"
    )
    standardise_logits: bool = Field(
        default=False,
        description="give the logits of every code the same mean and standard deviation, which keeps short runs "
        "from using a handful of codes; at inference, statistics measured on training images",
    )
    logit_scale: float = Field(default=3.0, gt=0, description="standard deviation of standardised logits")
    min_log_scale: float | None = Field(
        default=None,
        description="floor on ln b of the logit-Laplace, so that flat backgrounds cannot dominate the loss",
    )

    @property
    def stem_factor(self) -> int:
        """Downsampling before the first group."""
        return self.unshuffle_factor if self.stem == "unshuffle" else 1

    @property
    def factor(self) -> int:
        """Pixels per side of one code."""
        return int(self.stem_factor * 2 ** (self.groups - 1))

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the encoder's groups; the decoder's are the same backwards."""
        return tuple(self.hidden * 2**group for group in range(self.groups))

    @property
    def residual_gain(self) -> float:
        """Factor on every residual path."""
        return self.post_gain if self.post_gain is not None else 1.0 / (self.groups * self.blocks_per_group) ** 2

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.image_size % self.factor:
            raise ValueError(f"image_size {self.image_size} is not a multiple of the downsampling factor {self.factor}")
        if self.hidden % 4:
            raise ValueError(f"hidden {self.hidden} is not a multiple of 4, the bottleneck of a block")
        return self


class DVAETrainingConfig(TokenizerTrainingConfig):
    """Training of the dVAE; ramps in steps, with the paper's end values as defaults (appendix A.2)."""

    beta2: float = 0.999  # A.2
    beta: float = Field(default=6.6, ge=0, description="weight of the KL term at the end of its ramp")  # A.2
    beta_steps: int = Field(default=5_000, ge=0, description="cosine ramp of beta from 0")  # A.2
    tau_start: float = Field(default=1.0, gt=0)  # A.2
    tau_end: float = Field(default=1 / 16, gt=0)  # A.2
    tau_steps: int = Field(default=150_000, ge=0, description="cosine ramp of the temperature")  # A.2
