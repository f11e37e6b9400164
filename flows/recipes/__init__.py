"""Complete configs by name. Each docstring says what it costs, how long it takes and what to expect."""

import inspect
from collections.abc import Callable
from typing import Literal

from flows.config import PipelineConfig
from flows.recipes.ablations import ablation
from flows.recipes.clusters import cc3m, cc12m, folder, paper_2_8b, paper_5_6b, paper_12b
from flows.recipes.demos import demo, emoji, gallery, smoke
from tasks.errors import ConfigError

RecipeName = Literal[
    "demo", "gallery", "emoji", "ablation", "smoke", "folder", "cc3m", "cc12m", "paper-2.8b", "paper-5.6b", "paper-12b"
]
DEFAULT_RECIPE: RecipeName = "demo"
RECIPES: dict[RecipeName, Callable[[], PipelineConfig]] = {
    "demo": demo,
    "gallery": gallery,
    "emoji": emoji,
    "ablation": ablation,
    "smoke": smoke,
    "folder": folder,
    "cc3m": cc3m,
    "cc12m": cc12m,
    "paper-2.8b": paper_2_8b,
    "paper-5.6b": paper_5_6b,
    "paper-12b": paper_12b,
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
