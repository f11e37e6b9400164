"""Shape of the dVAE and settings of its training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models.config import TokenizerModelConfig
from models.training.config import TokenizerTrainingConfig
from models.training.schedules import cosine_ramp


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
    """Training of the dVAE. Every default that the paper gives is the paper's (appendix A.2); ramps are in steps."""

    steps: int = Field(default=3_000_000, gt=0, description="optimiser updates")
    batch_size: int = Field(default=512, gt=0, description="examples per update, over all ranks")
    learning_rate: float = Field(default=1e-4, gt=0, description="at the start of the ramp, or after warm-up")
    final_learning_rate: float = Field(default=1.25e-6, ge=0, description="at the end of the cosine ramp")
    warmup_steps: int = Field(default=0, ge=0, description="updates of linear warm-up; the paper has none")
    decay_steps: int | None = Field(
        default=1_200_000, description="length of the cosine ramp of the learning rate; all steps when unset"
    )
    beta2: float = Field(default=0.999, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0, description="decoupled; biases are exempt")
    clip_norm: float | None = Field(default=None, gt=0, description="bound on the gradient norm; the paper has none")
    validate_every: int | None = Field(default=10_000, gt=0, description="steps between validations")
    beta: float = Field(default=6.6, ge=0, description="weight of the KL term at the end of its ramp")
    beta_steps: int = Field(default=5_000, ge=0, description="cosine ramp of beta from 0")
    tau_start: float = Field(default=1.0, gt=0, description="temperature at the start of its ramp")
    tau_end: float = Field(default=1 / 16, gt=0, description="temperature at the end of its ramp")
    tau_steps: int = Field(default=150_000, ge=0, description="cosine ramp of the temperature")

    def beta_at(self, step: int) -> float:
        """Weight of the KL term in an update, counted from 0."""
        return cosine_ramp(0.0, self.beta, self.beta_steps, step)

    def tau_at(self, step: int) -> float:
        """Temperature of the relaxed codes in an update, counted from 0."""
        return cosine_ramp(self.tau_start, self.tau_end, self.tau_steps, step)
