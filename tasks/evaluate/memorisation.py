"""How near samples are to training images, with rebuilt held-out images as the yardstick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.evaluate.copies import Copies, CopyTest
from tasks.evaluate.evidence import Evidence
from tasks.evaluate.nearest import grey_levels
from tasks.evaluate.quantities import GREY_LEVELS, Baseline, Histogram, Part, Question
from tasks.evaluate.statistics import plain

BINS = 24
COSINE_DISTANCE = "cosine distance"
SAMPLES = {
    "train": "samples, training captions",
    "fixed": "samples, fixed prompts",
    "val": "samples, held-out captions",
}
REBUILT, HELD_OUT = "held-out pictures, rebuilt from their codes", "held-out pictures"


class Memorisation(Part):
    """Held-out pictures are the yardstick: they show what is usual for a picture the models never saw. Where samples
    come out of an image tokenizer, they are rebuilt from their codes first. Samples far to the left of them are copies.
    """

    question = Question.NEW

    distances: Histogram = Field(
        title="How near is the nearest training picture?", description="Far to the left are copies."
    )
    copies: Copies | None = Field(title="Nearer than is usual")
    copy_limit: Baseline | None = Field(
        title="limit of what is usual", description="5% of one half of the yardstick's pictures are nearer than this."
    )
    medians: dict[str, float] = Field(title="Median distance")


@dataclass(frozen=True)
class NearestDistances:
    """To the nearest training picture.

    Attributes:
        name: of the distance, with its unit.
        samples: of each prompt's samples, by group.
        rebuilt, held_out: of pictures that were never seen, rebuilt from their codes and as they are.
    """

    name: str
    unit: str
    samples: Mapping[str, Sequence[Sequence[float]]]
    rebuilt: Sequence[float]
    held_out: Sequence[float]

    def measured(self) -> Memorisation | None:
        """None where there is nothing to compare."""
        samples = {SAMPLES[group]: np.array([each for own in self.samples[group] for each in own]) for group in SAMPLES}
        yardstick = {REBUILT: np.array(self.rebuilt)} if len(self.rebuilt) else {HELD_OUT: np.array(self.held_out)}
        told = samples | {REBUILT: np.array(self.rebuilt), HELD_OUT: np.array(self.held_out)}
        if not any(map(len, told.values())):
            return None
        test = CopyTest.of_pictures_never_seen(self.rebuilt or self.held_out)
        return Memorisation(
            distances=self._histogram(
                yardstick | {SAMPLES[group]: samples[SAMPLES[group]] for group in ("train", "val")}
            ),
            copies=None
            if test is None
            else Copies(
                **{group: test.share(self.samples[group]) for group in SAMPLES}, false_positives=test.false_positives
            ),
            copy_limit=None if test is None else Baseline(value=test.limit, unit=self.unit),
            medians={name: plain(float(np.median(values))) for name, values in told.items() if len(values)},
        )

    def _histogram(self, distances: Mapping[str, NDArray[np.float64]]) -> Histogram:
        """Even bins up to the 99th percentile; what lies beyond counts in the last."""
        top = float(np.percentile(np.concatenate(list(distances.values())), 99))
        edges = np.linspace(0.0, max(top, 1e-3), BINS + 1)
        return Histogram(
            x_name=self.name,
            edges=tuple(edges.tolist()),
            counts={
                name: tuple(np.histogram(np.minimum(values, edges[-1]), edges)[0].tolist())
                for name, values in distances.items()
                if len(values)
            },
        )


def measure(evidence: Evidence) -> Memorisation | None:
    """By pixels; None where there is nothing to compare."""
    return NearestDistances(
        name="distance at 16 by 16 pixels, grey levels of 255",
        unit=GREY_LEVELS,
        samples={
            group: [[grey_levels(row["nearest_mse"]) for row in prompt.rows] for prompt in evidence.group(group)]
            for group in SAMPLES
        },
        rebuilt=[grey_levels(row["rebuilt_nearest_mse"]) for row in evidence.rebuilt],
        held_out=[grey_levels(mse) for mse in evidence.held_out_mse],
    ).measured()


def measure_by_features(evidence: Evidence) -> Memorisation | None:
    """By features, of the best samples; None where they were not looked for."""
    found = evidence.feature_distances
    if found is None:
        return None
    return NearestDistances(
        name=f"{COSINE_DISTANCE}, {found.searched:,} training pictures searched",
        unit=COSINE_DISTANCE,
        samples={group: [[distance] for distance in found.samples.get(group, [])] for group in SAMPLES},
        rebuilt=found.rebuilt,
        held_out=[],
    ).measured()
