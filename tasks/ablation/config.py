"""The cells of an ablation grid."""

from pydantic import Field

from models.config import Frozen
from tasks.engine.stage import StageConfig


class Cell(Frozen):
    """One prior of the grid."""

    data: float = Field(gt=0, le=1, description="Share of the training images.")
    model: str = Field(min_length=1, description="Name of its size.")
    seed: int = Field(ge=0, description="Of its training, and of which images are in the share.")

    @property
    def name(self) -> str:
        """Names the cell among the inputs of the stage: `data_0.25_model_s_seed_0`."""
        return f"data_{self.data:g}_model_{self.model}_seed_{self.seed}"

    def __str__(self) -> str:
        """`25 % of the data, model s, seed 0`."""
        return f"{100 * self.data:g} % of the data, model {self.model}, seed {self.seed}"


class Config(StageConfig):
    """The grid: every share of the data with every size and every seed."""

    cells: tuple[Cell, ...] = Field(min_length=4, description="In the order of work.")
