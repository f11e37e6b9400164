"""Shape of the prior and settings of its training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models.config import Frozen
from models.training.config import TrainingConfig

MaskType = Literal["row", "column", "conv", "full"]
AttentionForm = Literal["structural", "flex", "dense"]


class PriorLayout(Frozen):
    """The sizes that can be chosen freely; the defaults are the paper's 12-billion-parameter model (B.1)."""

    width: int = Field(default=3_968, gt=0)  # B.1
    layers: int = Field(default=64, gt=0)  # B.1
    heads: int = Field(default=62, gt=0)  # B.1
    attention: Literal["paper", "full"] = Field(
        default="paper", description="row, column and conv layers in the paper's order (B.1), or dense causal layers"
    )
    attention_form: AttentionForm = Field(
        default="structural",
        description="how sparse layers are computed, the same up to rounding: structural skips what is hidden, on any "
        "device; flex does so by FlexAttention, on CUDA only; dense computes all scores under a mask",
    )
    conv_kernel: int = Field(default=11, gt=0, description="side of the conv layer's window, odd (figure 11)")
    start_of_text: bool = Field(
        default=False, description="text position 0 is a start token, and captions have one token less (figure 10)"
    )

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        if self.conv_kernel % 2 == 0:
            raise ValueError(f"conv_kernel {self.conv_kernel} is not odd")
        return self


class PriorModelConfig(PriorLayout):
    """The whole transformer: its layout, and the sizes that its two tokenizers dictate (2.1, 2.2)."""

    kind: Literal["prior"] = "prior"
    text_vocab: int = Field(default=16_384, gt=0, description="token ids of the tokenizer (2.2)")
    text_length: int = Field(default=256, gt=1, description="text positions (2.2)")
    image_vocab: int = Field(default=8_192, gt=1, description="codes of the image tokenizer (2.1)")
    grid: int = Field(default=32, gt=0, description="codes per side of an image (2.1)")

    @property
    def caption_length(self) -> int:
        """Tokens that a caption may have: the tokenizer's text_length must be this."""
        return self.text_length - int(self.start_of_text)

    @property
    def codes_per_image(self) -> int:
        """Codes of one image."""
        return self.grid**2

    @property
    def length(self) -> int:
        """Positions of the whole stream."""
        return self.text_length + self.codes_per_image

    @property
    def mask_types(self) -> tuple[MaskType, ...]:
        """Attention of each layer, first to last."""
        layers = range(1, self.layers + 1)
        return tuple("full" if self.attention == "full" else mask_type(layer, self.layers) for layer in layers)


def mask_type(layer: int, layers: int) -> MaskType:
    """Attention of 1-based layer `layer` (B.1): the last is conv; 2, 6, 10, ... are column; the others row."""
    if layer == layers:
        return "conv"
    return "column" if (layer - 2) % 4 == 0 else "row"


class PriorTrainingConfig(TrainingConfig):
    """Training of the prior. Every default that the paper gives is the paper's (appendix B.2).

    When the learning rate is halved is ours (`PlateauLearningRate`): the authors did it by hand, five times.
    """

    steps: int = Field(default=430_000, gt=0, description="optimiser updates")  # B.2
    batch_size: int = Field(default=1024, gt=0, description="examples per update, over all ranks")  # B.2
    learning_rate: float = Field(default=4.5e-4, gt=0, description="peak, after warm-up")  # B.2
    final_learning_rate: float = Field(
        default=1.40625e-5, ge=0, description="after five halvings, or at the end of the cosine ramp"
    )  # B.2
    warmup_steps: int = Field(default=5_000, ge=0, description="updates of linear warm-up")  # B.2
    schedule: Literal["cosine", "plateau"] = Field(
        default="plateau",
        description="after the warm-up: half of the rate at every plateau of the training loss, or half a cosine",
    )  # B.2
    beta2: float = Field(default=0.96, ge=0, lt=1)  # B.2
    weight_decay: float = Field(
        default=4.5e-2, ge=0, description="decoupled: multiplied by the learning rate; gains and biases are exempt"
    )  # B.2
    decay_embeddings: bool = Field(default=True, description="embeddings decay too; the paper does not say")
    clip_norm: float | None = Field(default=4.0, gt=0, description="bound on the global gradient norm")  # B.2
    clip_second_moment: float | None = Field(
        default=5.0, gt=0, description="bound on each of AdamW's running estimates of a squared gradient"
    )  # B.2
    ema_decay: float | None = Field(
        default=0.99, ge=0, lt=1, description="decay of the EMA of the weights at each of its moves"
    )  # B.2
    ema_every: int = Field(
        default=25,
        gt=0,
        description="updates between two moves of the EMA; if more than one, it is in the host's memory, not a GPU's",
    )  # B.2
    activation_checkpointing: bool = Field(
        default=True, description="compute a block's activations again for its gradients, for less memory"
    )  # 2.5
    loss_scale: Literal["global", "per_block"] = Field(
        default="global",
        description="of fp16, each dynamic: one for the loss, or one for the gradients of each residual block",
    )  # 2.4, D: per_block
    moments: Literal["fp32", "paper"] = Field(
        default="fp32",
        description="how Adam's moments of the blocks' matrices are kept, and PowerSGD's error buffers: in fp32, or in "
        "the paper's formats of 16 bits, for less memory",
    )  # B.2, E.2: paper
    validate_every: int | None = Field(default=10_000, gt=0, description="steps between validations")
    text_weight: float = Field(
        default=1 / 8, ge=0, le=1, description="share of the text loss; images get the rest"
    )  # 2.2
    padding_in_text_loss: bool = Field(default=True, description="padding positions are targets too")
    bpe_dropout: float = Field(default=0.1, ge=0, lt=1, description="share of merges dropped in training")  # B.2
    code_noise: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the codes that are random where the model reads them, and true where it predicts them; "
        "not in the paper: with few images it learns to follow the caption rather than to recall the image",
    )
    validation_rows: int = Field(default=2048, gt=0, description="at most this many rows per validation figure")
    drawings: int = Field(
        default=8,
        ge=0,
        description="held-out captions drawn at each validation; none where ranks share the weights",
    )

    @model_validator(mode="after")
    def _only_fp16_is_scaled(self) -> Self:
        if self.loss_scale == "per_block" and self.precision != "fp16":
            raise ValueError(f"loss_scale per_block is for precision fp16, not {self.precision}: set it to global")
        return self

    @model_validator(mode="after")
    def _only_adam_has_moments(self) -> Self:
        if self.moments == "paper" and self.muon_learning_rate is not None:
            raise ValueError("moments paper is for Adam, and Muon trains the matrices: leave one of the two out")
        return self
