"""Two or more judged sides, prompt by prompt: which is better, and whether that can be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from models.config import Frozen
from tasks.compare.paired import LEVEL, difference, holm, least_found, paired_test, prompts_needed
from tasks.compare.values import FIGURES, GROUPS, CopyLimit, PairedFigure, best_by_score, kind_of, uncurated
from tasks.evaluate.evidence import RankedSamples
from tasks.evaluate.quantities import SHARE, Estimate, Quantity
from tasks.evaluate.statistics import plain

Key = tuple[str, str, str | None]  # group, prompt, pair
Prompts = Mapping[Key, RankedSamples]
LETTERS = "ABCDEFGH"
UNCURATED, BEST = "all drawn", "best by score"


class FigureCompared(Quantity):
    """One figure of two sides over the prompts that both have.

    Attributes:
        title, chosen, groups: what of, of which pictures and over which prompts.
        first, second: the means of the two sides.
        ahead: how much better the first side is, with its interval over prompts; in percentage points for shares.
        wins, losses, ties: prompts on which the first side is better, worse and equal.
        p_value, p_holm: of the test alone, and adjusted for all figures of the two sides.
        prompts_needed: to tell, if the difference is as seen; None for no number.
        least_found: the difference that these prompts tell in four of five such comparisons.
    """

    title: str
    chosen: str
    groups: str
    unit: str
    first: float
    second: float
    ahead: Estimate
    wins: int
    losses: int
    ties: int
    test: str
    p_value: float
    p_holm: float
    verdict: Literal["first", "second", "cannot be told"]
    prompts_needed: int | None
    least_found: float | None


class PairCompared(Frozen):
    """Two sides, by their letters, over the prompts that both have.

    Attributes:
        only_first, only_second: prompts that the other has not; left out.
        unequal: prompts of which the two have different numbers of pictures. The best is then that of as many, drawn at
            random from those of the side that has more.
    """

    first: str
    second: str
    prompts: int
    only_first: int
    only_second: int
    unequal: int
    figures: tuple[FigureCompared, ...]


class SideAccount(Frozen):
    """What is compared on one side, and what was refused of it by reason."""

    letter: str
    name: str
    evaluation: str = Field(description="Address of the artifact.")
    prompts: int
    pictures: int
    refused: dict[str, int]
    without_picture: int = Field(description="Prompts of the first run.")


class RunComparison(Frozen):
    """comparison.json."""

    sides: tuple[SideAccount, ...]
    pairs: tuple[PairCompared, ...]


@dataclass(frozen=True)
class _Differences:
    figure: PairedFigure
    chosen: str
    first: list[float]
    second: list[float]

    @property
    def ahead(self) -> list[float]:
        sign = 1.0 if self.figure.higher_is_better else -1.0
        return [sign * (a - b) for a, b in zip(self.first, self.second, strict=True)]


def compare_pair(letters: tuple[str, str], first: Prompts, second: Prompts, limit: CopyLimit) -> PairCompared:
    """Compares two sides over the prompts that both have.

    Args:
        limit: distance to the nearest training picture, in grey levels, below which a picture counts as a copy.
    """
    shared = sorted((key for key in first if key in second), key=lambda key: (key[0], key[1], key[2] or ""))
    sizes = [(len(first[key].rows), len(second[key].rows)) for key in shared]
    # The best of one picture is any one of them, so a side with one picture of each prompt has no best.
    kinds = (UNCURATED, BEST) if any(min(pair) > 1 for pair in sizes) else (UNCURATED,)
    keys_of = {figure: [key for key in shared if kind_of(key[0]) in figure.groups] for figure in FIGURES}
    compared = [
        _differences(figure, chosen, keys, first, second, limit) for figure, keys in keys_of.items() for chosen in kinds
    ]
    told = [each for each in compared if each.first]
    tests = [paired_test(each.ahead) for each in told]
    adjusted = holm([p for _, p in tests])
    return PairCompared(
        first=letters[0],
        second=letters[1],
        prompts=len(shared),
        only_first=len(first) - len(shared),
        only_second=len(second) - len(shared),
        unequal=sum(a != b for a, b in sizes),
        figures=tuple(_compared(each, *test, p) for each, test, p in zip(told, tests, adjusted, strict=True)),
    )


def _differences(
    figure: PairedFigure, chosen: str, keys: Sequence[Key], first: Prompts, second: Prompts, limit: CopyLimit
) -> _Differences:
    pairs = []
    for key in keys:
        candidates = min(len(first[key].rows), len(second[key].rows))
        a, b = (
            uncurated(figure, prompt, limit)
            if chosen == UNCURATED
            else best_by_score(figure, prompt, limit, candidates)
            for prompt in (first[key], second[key])
        )
        if a is not None and b is not None:
            pairs.append((a, b))
    return _Differences(figure, chosen, [a for a, _ in pairs], [b for _, b in pairs])


def _compared(found: _Differences, test: str, p_value: float, p_holm: float) -> FigureCompared:
    ahead = found.ahead
    estimate = difference(ahead, found.figure.unit)
    verdict: Literal["first", "second", "cannot be told"] = "cannot be told"
    if p_holm <= LEVEL and not estimate.low <= 0 <= estimate.high:
        verdict = "first" if estimate.low > 0 else "second"
    least = least_found(ahead)
    scale = 100.0 if found.figure.unit == SHARE else 1.0
    return FigureCompared(
        title=found.figure.title,
        chosen=found.chosen,
        groups=" and ".join(GROUPS[group] for group in found.figure.groups),
        unit=found.figure.unit,
        first=plain(float(np.mean(found.first))),
        second=plain(float(np.mean(found.second))),
        ahead=estimate,
        wins=sum(each > 0 for each in ahead),
        losses=sum(each < 0 for each in ahead),
        ties=sum(each == 0 for each in ahead),
        test=test,
        p_value=plain(p_value),
        p_holm=plain(p_holm),
        verdict=verdict,
        prompts_needed=prompts_needed(ahead),
        least_found=None if least is None else plain(scale * least),
    )
