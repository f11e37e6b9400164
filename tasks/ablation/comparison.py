"""From the runs of a grid to its tables, curves, gains and answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.ablation.answer import answered, whole_answer
from tasks.ablation.figures import (
    Ablation,
    AblationFigures,
    GainPerDoubling,
    MeasureFigures,
    ShareFacts,
    SizeFacts,
    TableCell,
)
from tasks.ablation.runs import ByPrompt, PriorRun
from tasks.ablation.trend import Cells, GridValues
from tasks.errors import ModelMismatchError
from tasks.evaluate.quantities import SHARE, Curve, Line
from tasks.evaluate.statistics import plain
from tasks.report import words


@dataclass(frozen=True)
class Measure:
    """A measure of a run: its values by prompt, their unit, and that of a gain, which is `scale` times as large."""

    read: Callable[[PriorRun], ByPrompt]
    unit: str
    gain_unit: str
    scale: float  # negative where less is better


# In the order of the fields of `AblationFigures`.
MEASURES: dict[str, Measure] = {
    "image_loss": Measure(lambda run: run.loss("image"), "nats", "nats", -1.0),
    "text_loss": Measure(lambda run: run.loss("text"), "nats", "nats", -1.0),
    "right_held_out": Measure(lambda run: run.right["val"], SHARE, "percentage points", 100.0),
    "right_trained": Measure(lambda run: run.right["train"], SHARE, "percentage points", 100.0),
    "score": Measure(lambda run: run.scores, "cosine", "cosine", 1.0),
}


@dataclass(frozen=True)
class WholeGrid:
    """All runs, and the levels of the grid in the order of its table."""

    runs: Sequence[PriorRun]
    data: Sequence[float]
    models: Sequence[str]
    seeds: Sequence[int]

    def run(self, data: float, model: str, seed: int) -> PriorRun:
        return next(r for r in self.runs if (r.cell.data, r.cell.model, r.cell.seed) == (data, model, seed))

    @property
    def parameters(self) -> list[int]:
        """Of each size."""
        return [self.run(self.data[0], model, self.seeds[0]).parameters for model in self.models]

    def values(self, read: Callable[[PriorRun], ByPrompt]) -> GridValues | None:
        """A measure of all runs, by the prompts that all cells of a seed have; None where there are none."""
        by_prompt = [self._of_seed(read, seed) for seed in self.seeds]
        return GridValues(self.data, self.parameters, by_prompt) if all(by_prompt) else None

    def _of_seed(self, read: Callable[[PriorRun], ByPrompt], seed: int) -> dict[str, Cells]:
        found = [[read(self.run(data, model, seed)) for model in self.models] for data in self.data]
        common = set.intersection(*(set(values) for row in found for values in row))
        return {prompt: np.array([[values[prompt] for values in row] for row in found]) for prompt in sorted(common)}


def whole_grid(runs: Sequence[PriorRun]) -> WholeGrid:
    """The runs as a grid.

    Raises:
        ModelMismatchError: the priors were not trained on equally many tokens.
    """
    trained_on = {run.tokens for run in runs}
    if len(trained_on) > 1:
        raise ModelMismatchError(
            f"The priors were trained on {min(trained_on):,} to {max(trained_on):,} tokens: they are compared at equal "
            "tokens, so give all the same updates, batch size and tokenizers."
        )
    sizes = {run.cell.model: run.parameters for run in runs}
    return WholeGrid(
        runs=runs,
        data=sorted({run.cell.data for run in runs}),
        models=sorted(sizes, key=lambda model: sizes[model]),
        seeds=sorted({run.cell.seed for run in runs}),
    )


def compare(runs: Sequence[PriorRun]) -> Ablation:
    """Everything that the grid says.

    Raises:
        ModelMismatchError: as from `whole_grid`.
    """
    grid = whole_grid(runs)
    values = {name: found for name, measure in MEASURES.items() if (found := grid.values(measure.read)) is not None}
    figures = {name: _figures(grid, MEASURES[name], found) for name, found in values.items()}
    answers = {name: answered(each.gain) for name, each in figures.items()}
    training = runs[0].manifest.config["training"]
    return Ablation(
        answer=whole_answer(answers),
        updates=training["steps"],
        batch_size=training["batch_size"],
        tokens=runs[0].tokens,
        seeds=len(grid.seeds),
        prompts={"held out": len(runs[0].right["val"]), "trained on": len(runs[0].right["train"])},
        sizes=tuple(_size(grid, model) for model in grid.models),
        shares=tuple(_share(grid, data) for data in grid.data),
        answers=answers,
        tables={name: tuple(_table(grid, found)) for name, found in values.items()},
        seconds={run.cell.name: run.manifest.run.seconds for run in runs},
        figures=AblationFigures(**figures),
    )


def _figures(grid: WholeGrid, measure: Measure, values: GridValues) -> MeasureFigures:
    weights = values.per_doubling_of_data, values.per_doubling_of_parameters
    contrasts = {"data": weights[0], "model": weights[1], "difference": weights[0] - weights[1]}
    gains = {name: values.contrast(each, measure.scale, measure.gain_unit) for name, each in contrasts.items()}
    rows, columns = values.runs, values.runs.swapaxes(0, 1)
    models = [f"model {model}" for model in grid.models]
    shares = [f"{words.percent(share)} of the images" for share in grid.data]
    return MeasureFigures(
        gain=GainPerDoubling(**gains),
        by_data=_curve(measure, "share of the images", grid.data, models, columns),
        by_model=_curve(measure, "parameters", values.parameters, shares, rows),
        variance=values.variance_shares(),
    )


def _curve(measure: Measure, x_name: str, x: Sequence[float], names: Sequence[str], runs: np.ndarray) -> Curve:
    """A line for each name: the mean of the seeds, with their range. `runs`: [name, x, seeds]."""
    lines = [
        Line(name=name, x=tuple(x), y=_plain(of.mean(1)), low=_plain(of.min(1)), high=_plain(of.max(1)))
        for name, of in zip(names, runs, strict=True)
    ]
    unit = SHARE if measure.unit == SHARE else ""
    return Curve(x_name=x_name, lines=tuple(lines), unit=unit, log_x=True, from_zero=measure.unit == SHARE)


def _table(grid: WholeGrid, values: GridValues) -> list[TableCell]:
    cells = [(i, j) for i in range(len(grid.data)) for j in range(len(grid.models))]
    return [
        TableCell(
            data=grid.data[i],
            model=grid.models[j],
            mean=plain(values.runs[i, j].mean()),
            low=plain(values.runs[i, j].min()),
            high=plain(values.runs[i, j].max()),
            runs=_plain(values.runs[i, j]),
        )
        for i, j in cells
    ]


def _size(grid: WholeGrid, model: str) -> SizeFacts:
    run = grid.run(grid.data[0], model, grid.seeds[0])
    shape = run.layout
    return SizeFacts(
        model=model, width=shape.width, layers=shape.layers, parameters=run.parameters, flops=plain(run.flops)
    )


def _share(grid: WholeGrid, data: float) -> ShareFacts:
    of_seeds = [grid.run(data, grid.models[0], seed) for seed in grid.seeds]
    images = float(np.mean([run.images for run in of_seeds]))
    return ShareFacts(data=data, images=images, epochs=plain(of_seeds[0].examples / images))


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(plain(value) for value in values)
