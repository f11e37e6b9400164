"""Made-up ablation grids."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.prior.config import PriorModelConfig
from tasks.ablation.config import Cell
from tasks.ablation.runs import ByPrompt, Group, PriorRun
from tasks.ablation.trend import GridValues
from tasks.engine.artifact import Counts, Manifest, RunRecord

WIDTHS = {"s": 48, "m": 96, "l": 192}


def values_of(data: Sequence[float], parameters: Sequence[int], runs: NDArray[np.float64]) -> GridValues:
    """The values of runs [data, model, seeds], without prompts."""
    return GridValues(data, parameters, [{"": runs[..., seed]} for seed in range(runs.shape[-1])])


def made_up_runs(
    loss: Callable[[Cell], float],
    right: Callable[[Cell], Mapping[Group, ByPrompt]],
    data: Sequence[float] = (0.25, 0.5, 1.0),
    seeds: int = 2,
    steps: int = 900,
) -> list[PriorRun]:
    """A run for every cell, with the losses and right drawings that the functions say."""
    cells = [Cell(data=share, model=size, seed=seed) for seed in range(seeds) for size in WIDTHS for share in data]
    return [_run(cell, loss(cell), right(cell), steps) for cell in cells]


def _run(cell: Cell, loss: float, right: Mapping[Group, ByPrompt], steps: int) -> PriorRun:
    width = WIDTHS[cell.model]
    manifest = Manifest(
        stage="train_prior",
        version=1,
        fingerprint="0" * 16,
        config={"training": {"steps": steps, "batch_size": 8}},
        inputs={},
        outputs=(),
        counts=Counts(),
        metrics={"image": loss, "text": 2 * loss},
        run=RunRecord(started="2026-12-01T00:00:00+00:00", seconds=100.0, peak_memory_mb=1.0, host="here", versions={}),
    )
    layout = PriorModelConfig(
        width=width, layers=4, heads=width // 48, text_vocab=530, text_length=28, image_vocab=256, grid=16
    )
    scores = {prompt: 0.5 + value / 10 for prompt, value in right["val"].items()}
    return PriorRun(cell, manifest, layout, round(5713 * cell.data), right, scores)
