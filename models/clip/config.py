"""Shape of our own CLIP and settings of its training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models.config import Frozen
from models.training.config import TrainingConfig

AUGMENTED_MARGIN = 2  # random crops are cut at this multiple of CLIP's size, then averaged down


class CLIPLayout(Frozen):
    """The sizes that can be chosen freely; the defaults suit a demo and train in about a minute on a CPU."""

    image_size: int = Field(default=32, gt=0, description="images are area-averaged to this side, pixels")
    patch_size: int = Field(default=8, gt=0)
    vision_width: int = Field(default=128, gt=0)
    vision_layers: int = Field(default=3, gt=0)
    text_width: int = Field(default=128, gt=0)
    text_layers: int = Field(default=2, gt=0)
    heads: int = Field(default=4, gt=0)
    projection: int = Field(default=128, gt=0, description="dimension of the shared space")

    @property
    def crop_size(self) -> int:
        """Side of the random crops of training images, pixels."""
        return AUGMENTED_MARGIN * self.image_size

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size {self.image_size} is not a multiple of patch_size {self.patch_size}")
        if self.vision_width % self.heads or self.text_width % self.heads:
            raise ValueError(f"a width is not a multiple of {self.heads} heads")
        return self


class CLIPModelConfig(CLIPLayout):
    """The whole model: its layout, and the sizes that its tokenizer dictates."""

    kind: Literal["clip"] = "clip"
    text_vocab: int = Field(default=16_384, gt=0, description="token ids of the tokenizer")
    text_length: int = Field(default=256, gt=0, description="positions of the tokenizer")

    @property
    def padding_id(self) -> int:
        """Token id that fills a caption, beyond the tokenizer's."""
        return self.text_vocab

    @property
    def end_id(self) -> int:
        """Token id that ends a caption; the caption's vector is read there."""
        return self.text_vocab + 1


class CLIPTrainingConfig(TrainingConfig):
    """Training of our own CLIP."""

    batch_size: int = Field(default=128, gt=0, description="pairs per update, over all ranks")
    chunk_pairs: int | None = Field(
        default=None,
        gt=0,
        description="pairs of a rank that are embedded at once, for less memory and up to a third more time (gradient "
        "cache); all when unset",
    )
    augment: bool = Field(default=True, description="random crops (listing 1), else the centred square")
    validation_pairs: int = Field(default=2048, gt=0, description="at most this many pairs per validation figure")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.accumulate > 1:
            raise ValueError(
                "accumulate must be 1, since a pair's negatives are all others of the batch: set chunk_pairs for less "
                "memory"
            )
        return self
