"""The grid of an ablation: its cells, and how each differs from the config it is built around."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, field_validator

from flows.changes import Changes, changed
from flows.config import PipelineConfig
from models.config import Frozen
from tasks.ablation.config import Cell
from tasks.errors import ConfigError

Size = Literal["xs", "s", "m", "l", "xl"]
# Widths in units of the config's own. Depth and the size of a head stay, as in the paper's models (table 1): all have
# 64 layers and heads of 64, and widths from 1,920 to 3,968.
SIZES: dict[Size, float] = {"xs": 1 / 4, "s": 1 / 2, "m": 1, "l": 2, "xl": 4}
LEVELS = 2  # of data and of model at least: with fewer there is nothing to compare


class Grid(Frozen):
    """Every share of the data with every size of the prior, each with as many seeds.

    All cells are trained for the same number of updates, so on equally many tokens: those of a smaller share come again
    more often, and a larger prior computes more for each.
    """

    data: tuple[float, ...] = Field((0.25, 0.5, 1.0), description="Shares of the training images, above 0 to 1.")
    model: tuple[Size, ...] = Field(("s", "m", "l"), description=f"Sizes of the prior: {', '.join(SIZES)}.")
    seeds: int = Field(2, ge=1, le=100, description="Priors of each cell.")

    @field_validator("data", "model")
    @classmethod
    def _can_be_compared(cls, levels: tuple[float | Size, ...]) -> tuple[float | Size, ...]:
        if len(set(levels)) < len(levels):
            raise ValueError("names a level twice")
        if len(levels) < LEVELS:
            raise ValueError(f"needs {LEVELS} levels at least, or there is nothing to compare")
        return levels

    @field_validator("data")
    @classmethod
    def _are_shares(cls, data: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < share <= 1 for share in data):
            raise ValueError("a share is above 0 and at most 1")
        return tuple(sorted(data))

    @field_validator("model")
    @classmethod
    def _from_small_to_large(cls, model: tuple[Size, ...]) -> tuple[Size, ...]:
        return tuple(sorted(model, key=lambda size: SIZES[size]))

    def cells(self) -> list[Cell]:
        """All of them: one seed after the other, so that a stopped grid has whole tables; the smallest first."""
        return [
            Cell(data=share, model=size, seed=seed)
            for seed in range(self.seeds)
            for size in self.model
            for share in self.data
        ]

    def config_of(self, cell: Cell, config: PipelineConfig) -> PipelineConfig:
        """The config of a cell: another share, size and seed of the prior.

        The training captions that are drawn are of the smallest share, so every cell of a seed was trained on them.

        Raises:
            ConfigError: the heads of the prior cannot be divided as the size asks.
        """
        seed = config.prior.training.seed + cell.seed
        layout = config.prior.model
        factor = next(factor for name, factor in SIZES.items() if name == cell.model)
        heads, head_size = factor * layout.heads, layout.width // layout.heads
        if heads != int(heads):
            raise ConfigError(
                f"The prior's {layout.heads} heads cannot be made {heads:g} for size {cell.model}: set "
                f"prior.model.heads to a multiple of {1 / factor:g}."
            )
        changes: Changes = {
            "prior.model": {"heads": int(heads), "width": int(heads) * head_size},
            "prior.training.seed": seed,
            "subset": {"share": cell.data, "seed": seed},
            "sample.train_from": {"share": self.data[0], "seed": seed},
        }
        return changed(config, changes)


def grid_of(data: str, model: str, seeds: int) -> Grid:
    """The grid that options name: `0.25,0.5,1` and `s,m,l`.

    Raises:
        ConfigError: a share is no number.
        ValidationError: this is no grid.
    """
    try:
        shares = [float(word) for word in words(data)]
    except ValueError:
        raise ConfigError(f"--data takes shares of the data such as 0.25,0.5,1, not '{data}'.") from None
    return Grid.model_validate({"data": shares, "model": words(model), "seeds": seeds})


def words(text: str) -> Sequence[str]:
    """The parts between commas."""
    return [word.strip() for word in text.split(",")]
