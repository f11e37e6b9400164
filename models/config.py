"""The base classes of every configuration in the project. Imports no torch, so that a flow process stays light."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

LARGEST = 2**63 - 1


class Frozen(BaseModel):
    """A configuration or a record: immutable, and an unknown key is an error.

    Every number is finite and every integer fits 64 bits; every text can be written as UTF-8.
    """

    # Inputs stay out of messages: an address may hold a password.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_stored(cls, value: Any) -> Any:
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, int) and abs(part) > LARGEST:
                raise ValueError(f"{part:.3g} is too large")
            if isinstance(part, str) and not part.isascii():
                try:
                    part.encode()
                except UnicodeEncodeError:
                    raise ValueError("the text holds bytes that are not UTF-8") from None
        return value


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
