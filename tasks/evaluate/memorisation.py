"""How near samples are to training images, with rebuilt held-out images as the yardstick."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.nearest import grey_levels
from tasks.evaluate.quantities import GREY_LEVELS, Baseline, Estimate, Histogram, Part, Question
from tasks.evaluate.statistics import plain, proportion_of_groups

BINS = 24
SAMPLES = {
    "train": "samples, training captions",
    "fixed": "samples, fixed prompts",
    "val": "samples, held-out captions",
}
REBUILT, HELD_OUT = "held-out pictures, rebuilt from their codes", "held-out pictures"


class Copies(Part):
    """Share of samples that are nearer to a training picture than 95% of the yardstick's pictures are. Samples
    of one prompt are alike: the intervals are over prompts."""

    train: Estimate | None = Field(title="training captions")
    fixed: Estimate | None = Field(title="fixed prompts")
    val: Estimate | None = Field(title="held-out captions")


class Memorisation(Part):
    """Held-out pictures are the yardstick: they show what is usual for a picture the models never saw. Where samples
    come out of an image tokenizer, they are rebuilt from their codes first. Samples far to the left of them are copies.
    """

    question = Question.NEW

    distances: Histogram = Field(
        title="How near is the nearest training picture?", description="At 16 by 16 pixels; far left are copies."
    )
    copies: Copies | None = Field(title="Nearer than is usual")
    copy_limit: Baseline | None = Field(
        title="limit of what is usual", description="5% of the yardstick's pictures are nearer than this."
    )
    medians: dict[str, float] = Field(title="Median distance in grey levels")


def measure(evidence: Evidence) -> Memorisation | None:
    """None where there is nothing to compare."""
    samples = {
        group: _grey_levels([row["nearest_mse"] for row in evidence.judged if row["group"] == group])
        for group in SAMPLES
    }
    rebuilt = _grey_levels([row["rebuilt_nearest_mse"] for row in evidence.rebuilt])
    held_out = _grey_levels(evidence.held_out_mse)
    name, yardstick = (REBUILT, rebuilt) if len(rebuilt) else (HELD_OUT, held_out)
    shown = {name: yardstick, SAMPLES["train"]: samples["train"], SAMPLES["val"]: samples["val"]}
    distances = {SAMPLES[group]: values for group, values in samples.items()} | {REBUILT: rebuilt, HELD_OUT: held_out}
    if not any(map(len, distances.values())):
        return None
    limit = float(np.percentile(yardstick, 5)) if len(yardstick) else None
    return Memorisation(
        distances=_histogram(shown),
        copies=None if limit is None else Copies(**{group: _below(evidence, group, limit) for group in SAMPLES}),
        copy_limit=None if limit is None else Baseline(value=plain(limit), unit=GREY_LEVELS),
        medians={name: plain(float(np.median(values))) for name, values in distances.items() if len(values)},
    )


def _grey_levels(mse: Sequence[float]) -> NDArray[np.float64]:
    return np.array([grey_levels(each) for each in mse])


def _below(evidence: Evidence, group: str, limit: float) -> Estimate | None:
    """Share of a group's samples below the limit. The samples of one prompt are alike, so a prompt is the unit."""
    below = [[bool(grey_levels(row["nearest_mse"]) < limit) for row in prompt.rows] for prompt in evidence.group(group)]
    return proportion_of_groups(below) if below else None


def _histogram(distances: Mapping[str, NDArray[np.float64]]) -> Histogram:
    """Even bins up to the 99th percentile; what lies beyond counts in the last."""
    top = float(np.percentile(np.concatenate(list(distances.values())), 99))
    edges = np.linspace(0.0, max(top, 1e-3), BINS + 1)
    return Histogram(
        x_name="distance to the nearest training picture, grey levels of 255",
        edges=tuple(edges.tolist()),
        counts={
            name: tuple(np.histogram(np.minimum(values, edges[-1]), edges)[0].tolist())
            for name, values in distances.items()
            if len(values)
        },
    )
