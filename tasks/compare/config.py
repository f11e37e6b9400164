"""What a comparison shows."""

from collections.abc import Sequence

from pydantic import Field

from tasks.engine.stage import StageConfig
from tasks.errors import ConfigError

MOST_SIDES = 8


class Config(StageConfig):
    """Names of the sides, in their order, and how many pictures the page shows. The first side is A."""

    names: tuple[str, ...] = Field(min_length=2, max_length=MOST_SIDES)
    prompts_shown: int = Field(12, ge=0, description="Prompts whose pictures are shown, evenly spaced, not chosen.")


def require_sides(names: Sequence[str]) -> None:
    """There are enough sides to compare, and not too many.

    Raises:
        ConfigError: there are not.
    """
    if not 2 <= len(names) <= MOST_SIDES:
        raise ConfigError(f"Name two to {MOST_SIDES} runs or folders to compare, not {len(names)}.")
