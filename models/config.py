"""The base classes of every configuration in the project. Imports no torch, so that a flow process stays light."""

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A configuration or a record: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenizerModelConfig(Frozen):
    """Shape of an image tokenizer. The prior depends on these values alone, so any kind of tokenizer serves it.

    Attributes:
        kind: name of the kind of tokenizer, under which `models.tokenizer` finds its code.
    """

    kind: str
    image_size: int = Field(default=256, gt=0, description="side of the square input, pixels")
    vocab_size: int = Field(default=8192, ge=2, le=65_536, description="codes")

    @property
    def factor(self) -> int:
        """Pixels per side of one code."""
        raise NotImplementedError

    @property
    def grid(self) -> int:
        """Codes per side of an image."""
        return self.image_size // self.factor

    @property
    def codes_per_image(self) -> int:
        """Codes of one image."""
        return self.grid**2
