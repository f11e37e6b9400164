"""Size of the tokenizer. Kept apart from it so that a configuration can be read without torch."""

from pydantic import Field

from models.config import Frozen


class BPEModelConfig(Frozen):
    """Size of the tokenizer. The paper's values are 16,384 tokens and 256 positions (2.2)."""

    vocab_size: int = Field(default=16_384, ge=256, description="upper bound; 256 of them are the bytes")
    text_length: int = Field(default=256, gt=0, description="positions a caption may use; longer ones are cut")
