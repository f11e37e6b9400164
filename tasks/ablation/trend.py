"""What twice the data and twice the parameters change in a measure, with intervals; and the parts of its variance.

The estimates are contrasts of the means of the cells, so they are the slopes of the plane that fits the grid best, over
log2 of data and of parameters, whatever the true surface is. Their errors are of two kinds. Priors of other seeds: from
the scatter of the runs about their cell and their seed, which is a block (randomised blocks; Montgomery, Design and
Analysis of Experiments, chapter 4), with Student's t. Other prompts: from the scatter of the contrast over the prompts,
which are the same in all cells. A bootstrap over a handful of cells or two seeds would be too narrow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.quantities import Estimate
from tasks.evaluate.statistics import Z_95, plain, students_t

Cells = NDArray[np.float64]  # [data, model]


@dataclass(frozen=True)
class GridValues:
    """A measure of every run of a grid.

    Attributes:
        data: shares of the images, one for each row of the grid.
        parameters: of the prior, one for each column.
        by_prompt: for each seed, the values [data, model] of each prompt; of a loss there is one, without a prompt.
    """

    data: Sequence[float]
    parameters: Sequence[int]
    by_prompt: Sequence[Mapping[str, Cells]]

    @cached_property
    def runs(self) -> NDArray[np.float64]:
        """The value of each run: [data, model, seeds]."""
        return np.stack([np.mean([*values.values()], 0) for values in self.by_prompt], -1)

    @property
    def per_doubling_of_data(self) -> Cells:
        """Weights of the cells' means whose sum is the slope over log2 of the data."""
        return np.tile(_slope(self.data)[:, None], (1, len(self.parameters))) / len(self.parameters)

    @property
    def per_doubling_of_parameters(self) -> Cells:
        """The same over log2 of the parameters."""
        return np.tile(_slope(self.parameters)[None], (len(self.data), 1)) / len(self.data)

    def contrast(self, weights: Cells, scale: float = 1.0, unit: str = "") -> Estimate:
        """The weighted sum of the cells' means with its 95 % interval, for other seeds and other prompts like these.

        Args:
            weights: of the cells; their sum is 0.
            scale: of the estimate, such as 100 for percentage points.
        """
        value = float((weights * self.runs.mean(-1)).sum())
        error, df = self._error()
        by_seeds = error * float((weights**2).sum()) / self.runs.shape[-1]
        half = sqrt(students_t(df) ** 2 * by_seeds + Z_95**2 * self._variance_over_prompts(weights))
        low, high = sorted((scale * (value - half), scale * (value + half)))
        return Estimate(value=plain(scale * value), low=plain(low), high=plain(high), n=self.runs.size, unit=unit)

    def variance_shares(self) -> dict[str, float]:
        """Parts of the sum of squares of all runs about their mean: the two-way analysis of variance, balanced."""
        runs = self.runs
        mean, of_data, of_model = runs.mean(), runs.mean((1, 2)), runs.mean((0, 2))
        cells, of_seeds = runs.mean(2), runs.mean((0, 1))
        together = cells - of_data[:, None] - of_model[None] + mean
        squares = {
            "data": runs[0].size * ((of_data - mean) ** 2).sum(),
            "model": runs[:, 0].size * ((of_model - mean) ** 2).sum(),
            "data with model": runs.shape[2] * (together**2).sum(),
            "seed": cells.size * ((of_seeds - mean) ** 2).sum(),
            "rest": (self._residuals() ** 2).sum() if runs.shape[2] > 1 else 0.0,
        }
        total = sum(squares.values())
        return {name: plain(each / total) for name, each in squares.items()} if total > 0 else {}

    def _residuals(self) -> NDArray[np.float64]:
        """What neither the cell nor the seed says: [data, model, seeds]."""
        runs = self.runs
        return runs - runs.mean(2, keepdims=True) - runs.mean((0, 1), keepdims=True) + runs.mean()

    def _error(self) -> tuple[float, int]:
        """Variance of a run about its cell, and its degrees of freedom.

        With one seed nothing tells it but what the plane does not fit, which is taken for it: too much rather than too
        little.
        """
        cells, seeds = self.runs[..., 0].size, self.runs.shape[-1]
        if seeds > 1:
            df = (cells - 1) * (seeds - 1)
            return float((self._residuals() ** 2).sum()) / df, df
        logs = [
            np.broadcast_to(axis, self.runs.shape[:2]) for axis in (_logs(self.data)[:, None], _logs(self.parameters))
        ]
        design = np.stack([np.ones(cells), *(axis.ravel() for axis in logs)], 1)
        observed = self.runs[..., 0].ravel()
        fitted = design @ np.linalg.lstsq(design, observed, rcond=None)[0]
        return float(((observed - fitted) ** 2).sum()) / (cells - 3), cells - 3

    def _variance_over_prompts(self, weights: Cells) -> float:
        """Of the contrast, for other prompts: what a prompt adds to it in all seeds together is one observation."""
        adds: dict[str, float] = {}
        for values in self.by_prompt:
            for prompt, cells in values.items():
                own = float((weights * cells).sum()) / len(values) / len(self.by_prompt)
                adds[prompt] = adds.get(prompt, 0.0) + own
        return len(adds) * float(np.var([*adds.values()], ddof=1)) if len(adds) > 1 else 0.0


def _logs(levels: Sequence[float]) -> NDArray[np.float64]:
    return np.log2(np.asarray(levels, np.float64))


def _slope(levels: Sequence[float]) -> NDArray[np.float64]:
    """Weights of the means at the levels whose sum is the least-squares slope over log2 of the level."""
    centred = _logs(levels) - _logs(levels).mean()
    slopes: NDArray[np.float64] = centred / (centred**2).sum()
    return slopes
