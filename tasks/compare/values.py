"""The figures that are compared prompt by prompt. A new one is one entry of FIGURES."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.evaluate.evidence import RankedSamples, Row
from tasks.evaluate.nearest import grey_levels
from tasks.evaluate.quantities import GREY_LEVELS, SHARE
from tasks.evaluate.scorer import POINTS
from tasks.evaluate.statistics import best_of
from tasks.sample.prompts import PAIR_GROUPS

SUITES = "suites"  # the prompts of all suites together
GROUPS = {
    "train": "captions from training",
    "val": "captions never seen",
    "fixed": "fixed prompts",
    SUITES: "prompts of suites",
}
SHORT = {"train": "seen", "val": "unseen", "fixed": "fixed", SUITES: "suites"}  # for the label of a plot
NEW = ("val", "fixed", SUITES)  # groups whose pictures are no training pictures
CopyLimit = float | None

# The value of one picture, best first in its prompt; None where it cannot be told.
ValueOf = Callable[[Row, CopyLimit], float | None]


@dataclass(frozen=True)
class PairedFigure:
    """A figure of each picture, compared over the prompts of some groups."""

    title: str
    groups: Sequence[str]
    unit: str
    value: ValueOf
    higher_is_better: bool = True


def _right_composition(row: Row, limit: CopyLimit) -> float | None:
    return None if row["wrong"] is None else float(not row["wrong"])


def _right_picture(row: Row, limit: CopyLimit) -> float | None:
    return None if row["is_hit"] is None else float(row["is_hit"])


def _true_distance(row: Row, limit: CopyLimit) -> float | None:
    return None if row["true_mse"] is None else grey_levels(row["true_mse"])


def _second_score(row: Row, limit: CopyLimit) -> float | None:
    return None if row["scorer_score"] is None else 100.0 * row["scorer_score"]


def _is_copy(row: Row, limit: CopyLimit) -> float | None:
    return None if limit is None else float(grey_levels(row["nearest_mse"]) < limit)


FIGURES = (
    PairedFigure("right composition", ("val",), SHARE, _right_composition),
    PairedFigure("right composition", ("train",), SHARE, _right_composition),
    PairedFigure("right composition", (SUITES,), SHARE, _right_composition),
    PairedFigure("right picture", ("val",), SHARE, _right_picture),
    PairedFigure("right picture", ("train",), SHARE, _right_picture),
    PairedFigure("distance to the true picture", ("val",), GREY_LEVELS, _true_distance, higher_is_better=False),
    PairedFigure("score of the second model", ("val", "train", "fixed"), POINTS, _second_score),
    PairedFigure("score of the second model", (SUITES,), POINTS, _second_score),
    PairedFigure("copies", NEW, SHARE, _is_copy, higher_is_better=False),
)


def kind_of(group: str) -> str:
    """Which of GROUPS a prompt counts with, by the group it was sampled in."""
    return group if group in PAIR_GROUPS else SUITES


def uncurated(figure: PairedFigure, prompt: RankedSamples, limit: CopyLimit) -> float | None:
    """The mean over all pictures of a prompt; None where one cannot be told."""
    values = _values(figure, prompt, limit)
    return float(np.mean(values)) if values else None


def best_by_score(figure: PairedFigure, prompt: RankedSamples, limit: CopyLimit, candidates: int) -> float | None:
    """Of the picture that ranks best among so many of a prompt's, drawn at random; None where it cannot be told."""
    values = _values(figure, prompt, limit)
    return best_of(values, candidates) if values else None


def _values(figure: PairedFigure, prompt: RankedSamples, limit: CopyLimit) -> list[float]:
    """Of all pictures of a prompt, best first; empty where one cannot be told."""
    values = [figure.value(row, limit) for row in prompt.rows]
    told = [value for value in values if value is not None]
    return told if len(told) == len(values) else []
