"""When two images count as one."""

from pydantic import Field

from tasks.engine.stage import StageConfig


class Config(StageConfig):
    """When two images count as one. The defaults keep emoji apart that differ only in a clock's hand or in colour."""

    max_hash_distance: int = Field(12, ge=0, le=64, description="Bits of 255 in which perceptual hashes may differ.")
    max_colour_difference: int = Field(
        32, ge=0, le=255, description="Largest difference between 16x16 thumbnails, of 255, anywhere and in any colour."
    )
    max_captions: int = Field(
        16, ge=1, description="Captions kept of one image; one with more is likely a placeholder or a logo."
    )
