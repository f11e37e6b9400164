"""Which captions are worth learning from."""

from pydantic import Field

from tasks.engine.stage import StageConfig


class Config(StageConfig):
    """Which captions are worth learning from. The paper names these four filters and publishes no threshold."""

    min_characters: int = Field(5, ge=1, description="Shorter captions are rejected; 5 is LAION's limit.")
    min_words: int = Field(3, ge=1, description="Captions of fewer words are rejected; 3 is Conceptual 12M's limit.")
    max_characters: int = Field(1000, ge=1, description="Longer captions are rejected.")
    max_words: int = Field(256, ge=1, description="Captions of more words are rejected; 256 is Conceptual 12M's limit.")
    max_boilerplate: float = Field(0.5, ge=0, le=1, description="Share of a caption that may be stock phrases.")
    min_confidence: float = Field(
        0.7, ge=0, le=1, description="Confidence of cld3 that rejects another language; it calls 0.7 reliable."
    )
