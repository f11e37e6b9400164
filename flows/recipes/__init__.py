"""Complete configs by name. Each docstring says what it costs, how long it takes and what to expect."""

import inspect
from collections.abc import Callable
from typing import Literal

from flows.config import PipelineConfig
from flows.recipes.demos import demo, emoji, gallery, smoke
from tasks.errors import ConfigError

RecipeName = Literal["demo", "gallery", "emoji", "smoke"]
DEFAULT_RECIPE: RecipeName = "demo"
RECIPES: dict[RecipeName, Callable[[], PipelineConfig]] = {
    "demo": demo,
    "gallery": gallery,
    "emoji": emoji,
    "smoke": smoke,
}


def recipe_name(name: str) -> RecipeName:
    """`name`, checked to be that of a recipe.

    Raises:
        ConfigError: there is no recipe of this name.
    """
    if name not in RECIPES:
        raise ConfigError(f"There is no recipe '{name}'; there are: {', '.join(RECIPES)}.")
    return name


def recipe_config(name: RecipeName) -> PipelineConfig:
    """The config of a recipe."""
    return RECIPES[name]()


def descriptions() -> dict[str, str]:
    """The docstring of each recipe, by name."""
    return {name: inspect.cleandoc(make.__doc__ or "") for name, make in RECIPES.items()}
