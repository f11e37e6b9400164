"""What every metric is measured from: judged samples, rebuilt images, codes, and what the corpus holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.inspection import TextAttention
from tasks.evaluate import means
from tasks.evaluate.compositions.trial import JudgeTrial
from tasks.evaluate.config import Config
from tasks.evaluate.feature_search import FeatureDistances
from tasks.evaluate.nearest import Scan
from tasks.evaluate.picture_sets.clip import ClipSets
from tasks.evaluate.picture_sets.features import PictureSets
from tasks.evaluate.places import PlaceSums
from tasks.evaluate.quantities import Estimate

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RankedSamples:
    """The judged samples of one prompt, best first: rows of `judge.JUDGED`."""

    rows: tuple[Row, ...]

    @property
    def best(self) -> Row:
        return self.rows[0]

    @property
    def first(self) -> Row:
        """The sample that was drawn first: what one gets without a ranker."""
        return next(row for row in self.rows if row["index"] == 0)

    @property
    def worst(self) -> Row:
        return self.rows[-1]

    @property
    def right(self) -> list[bool]:
        """Whether each is right, best first, as `is_right` says; empty where that cannot be told of all."""
        told = [is_right(row) for row in self.rows]
        return [] if None in told else [bool(each) for each in told]

    @property
    def hits(self) -> list[bool]:
        """Whether each is the right picture, best first."""
        return [row["is_hit"] for row in self.rows]


def by_prompt(judged: Sequence[Row]) -> list[RankedSamples]:
    """The judged samples by prompt, in the order of the prompts."""
    ordered = sorted(judged, key=lambda row: (row["prompt_id"], row["rank"]))
    return [RankedSamples(tuple(rows)) for _, rows in groupby(ordered, key=lambda row: row["prompt_id"])]


def is_right(row: Row) -> bool | None:
    """As the judge of compositions reads a sample, or else by its nearest picture; None where neither can tell."""
    wrong = row.get("wrong")
    known: bool | None = row["is_hit"] if wrong is None else not wrong
    return known


@dataclass(frozen=True)
class Evidence:
    """Everything a metric may look at.

    Attributes:
        judged: rows of `judge.JUDGED`.
        train: what the scan of the training pairs found.
        val: the same of the held-out pairs; None where there are none.
        held_out_mse: distance of each held-out image to the nearest training image, as in `judge.JUDGED`.
        rebuilt: rows of `rebuild.MEASURED` with `rebuilt_nearest_mse` and `is_recognised`; empty without an image
            tokenizer.
        vocab_size: codes of the image tokenizer; None where there is none.
        code_counts: int64 [V], uses of each code in the training tokens; None where there are none.
        scorer: name of the second model that scored the samples; None where there is none.
        places: what is known of the places of the rebuilt images; None where none was rebuilt.
        attention: by caption, where the image positions of some held-out pairs look; empty for a generator without.
        compositions: how the judge of composed pictures stood its trial; None where the corpus shows none.
        picture_sets: what a published network sees in samples and in real pictures; None where nothing was drawn.
        clip_sets: the second model's view of the sets that are compared; None without one.
        feature_distances: to the nearest training picture in features; None where they were not looked for.
    """

    config: Config
    judged: Sequence[Row]
    train: Scan
    val: Scan | None = None
    held_out_mse: Sequence[float] = ()
    rebuilt: Sequence[Row] = ()
    vocab_size: int | None = None
    code_counts: NDArray[np.int64] | None = None
    scorer: str | None = None
    places: PlaceSums | None = None
    attention: Mapping[str, TextAttention] = field(default_factory=dict)
    compositions: JudgeTrial | None = None
    picture_sets: PictureSets | None = None
    clip_sets: ClipSets | None = None
    feature_distances: FeatureDistances | None = None

    @cached_property
    def prompts(self) -> list[RankedSamples]:
        """The samples by prompt, in the order of the prompts."""
        return by_prompt(self.judged)

    def group(self, name: str) -> list[RankedSamples]:
        """The prompts of a group: fixed, train or val."""
        return [prompt for prompt in self.prompts if prompt.best["group"] == name]

    def choices(self, prompts: Sequence[RankedSamples]) -> list[int]:
        """Numbers of candidates to choose among: those of the config up to what each prompt has, and that number."""
        wanted = self.config.best_of
        last = min(max(wanted), *(len(prompt.rows) for prompt in prompts))
        return sorted({*(k for k in wanted if k < last), last})

    def end_of_choices(self, prompts: Sequence[RankedSamples]) -> str:
        """Why a curve over `choices` ends before the largest number of the config; empty if it does not."""
        last, wanted = self.choices(prompts)[-1], max(self.config.best_of)
        return "" if last == wanted else f"It ends at {last}, not at {wanted}: so many were drawn for each prompt."

    def mean(self, values: Sequence[float], unit: str = "") -> Estimate:
        """Mean of one value or more, one for each prompt or picture, with its interval."""
        return means.mean(values, unit)
