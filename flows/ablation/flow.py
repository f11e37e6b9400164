"""The flow of an ablation: the parts of the pipeline's own DAG, once where they are shared and once for each cell."""

from flows.ablation.grid import Grid
from flows.config import PipelineConfig
from flows.pipeline import Tokenized, dataset, measurement, prior_over, tokenized
from flows.run import PlannedRun, Run
from tasks.ablation.config import Cell
from tasks.ablation.config import Config as AblationConfig
from tasks.ablation.stage import ablation
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.settings import Settings


def ablate(run: Run, config: PipelineConfig, grid: Grid) -> Artifact:
    """Trains, draws and measures a prior for each cell, and compares them.

    Pairs, text tokenizer, image tokenizer, ranker and tokens are made once, of all data, since the grid asks what the
    prior owes to its data and size: an image tokenizer of less data would change what every prior can draw, and with
    other codes their losses could not be compared. Cells of one share read the same subset.

    Raises:
        ConfigError: the config names finished models, so there is no prior to train, or none of a size of its own.
    """
    if config.models.pretrained is not None:
        raise ConfigError("An ablation trains priors: leave out models.pretrained.")
    if config.models.start_from is not None:
        raise ConfigError("An ablation trains priors of several sizes from nothing: leave out models.start_from.")
    cells = grid.cells()
    configs = [grid.config_of(cell, config) for cell in cells]  # first of all, since it may refuse one
    pairs = run.part(dataset, config)
    made = run.part(tokenized, config, pairs)
    figures: dict[str, Artifact] = {}
    for number, (cell, own) in enumerate(zip(cells, configs, strict=True), 1):
        run.tell(f"Cell {number} of {len(cells)}: {cell}")
        figures[cell.name] = run.part(cell_of_grid, cell, own, pairs, made)
    return run(ablation, AblationConfig(cells=tuple(cells)), **figures)


def cell_of_grid(run: Run, cell: Cell, config: PipelineConfig, pairs: Artifact, made: Tokenized) -> Artifact:
    """One prior, what it draws, and the figures of that. `cell` is how the UI names it."""
    return measurement(run, config, pairs, prior_over(run, config, pairs, made))


def planned_cells(config: PipelineConfig, grid: Grid, settings: Settings) -> dict[Cell, list[Artifact]]:
    """The artifacts of each cell that are not shared by all, finished or not, in the order of work. Does no work."""
    run = PlannedRun(settings)
    pairs = dataset(run, config)
    made = tokenized(run, config, pairs)
    found: dict[Cell, list[Artifact]] = {}
    for cell in grid.cells():
        start = len(run.artifacts)
        cell_of_grid(run, cell, grid.config_of(cell, config), pairs, made)
        found[cell] = run.artifacts[start:]
    return found
