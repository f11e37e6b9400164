"""What `dalle ablate --plan` prints: the cells of a grid, what of them is made, and how long the rest takes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from flows.ablation.estimate import CellEstimate, estimates
from flows.ablation.flow import planned_cells
from flows.ablation.grid import Grid
from flows.config import PipelineConfig
from flows.cost import hardware_named, prior_model
from flows.pipeline import dataset, tokenized
from flows.recipes import RecipeName
from flows.recipes.scales import SCALES
from flows.run import PlannedRun
from tasks.engine.artifact import Artifact
from tasks.engine.meter import duration
from tasks.settings import Settings


@dataclass(frozen=True)
class PlannedGrid:
    """A grid before it is run.

    Attributes:
        shared: what all cells share.
        together: the different artifacts of all cells, of which several share some.
        tokens: that each prior is trained on.
    """

    shared: list[Artifact]
    together: list[Artifact]
    cells: list[CellEstimate]
    tokens: int
    hardware: str

    @property
    def seconds(self) -> float:
        """What is left for the cells."""
        return sum(each.seconds for each in self.cells)

    def row(self) -> dict[str, Any]:
        """For JSON."""
        made = sum(artifact.is_finished() for artifact in self.shared)
        cells = [asdict(each) | {"cell": each.cell.model_dump()} for each in self.cells]
        shared = {"artifacts": len(self.shared), "made": made}
        return {"shared": shared, "cells": cells, "tokens": self.tokens, "seconds": self.seconds}


def planned_grid(recipe: RecipeName, config: PipelineConfig, grid: Grid, settings: Settings) -> PlannedGrid:
    """The grid as it is now. Does no work.

    Raises:
        ConfigError: it cannot be made of this config.
    """
    configs = {cell: grid.config_of(cell, config) for cell in grid.cells()}
    run = PlannedRun(settings)
    tokenized(run, config, dataset(run, config))
    planned = planned_cells(config, grid, settings)
    hardware = hardware_named(SCALES[recipe].hardware)
    different = {artifact.address: artifact for artifacts in planned.values() for artifact in artifacts}
    training, layout = config.prior.training, prior_model(config)
    return PlannedGrid(
        shared=run.artifacts,
        together=list(different.values()),
        cells=estimates(configs, planned, hardware),
        tokens=training.steps * training.batch_size * layout.length,
        hardware=hardware.name,
    )


def plan_lines(planned: PlannedGrid) -> Iterator[str]:
    """The plan for a terminal."""
    made = sum(artifact.is_finished() for artifact in planned.shared)
    yield f"Shared by all cells: {len(planned.shared)} stages, {made} made."
    yield f"{len(planned.cells)} cells of {planned.tokens:,} tokens each:"
    width = max(len(str(each.cell)) for each in planned.cells)
    for each in planned.cells:
        state = f"{each.made} of {each.artifacts} stages made"
        left = f"{duration(each.seconds)} left" if each.made < each.artifacts else "done"
        yield f"  {each.cell!s:<{width}}  {each.parameters:>13,} parameters  {state}, {left}"
    finished = sum(artifact.is_finished() for artifact in planned.together)
    yield f"Together {len(planned.together)} different stages, {finished} made."
    how = "as finished cells took" if planned.cells[0].measured else f"trainings alone, planned for {planned.hardware}"
    yield f"About {duration(planned.seconds)} left ({how})."
