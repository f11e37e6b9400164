"""What the ranker's choice changes: drawings that become right by it, and drawings that become wrong."""

from collections.abc import Sequence
from math import comb, isfinite

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.evaluate.evidence import Evidence, RankedSamples, Row, is_right
from tasks.evaluate.quantities import SHARE, Baseline, Estimate, Part, Picked, Picks, Pictures, Question
from tasks.evaluate.statistics import plain, proportion

SHOWN = 8
RESAMPLES = 1000  # of the bootstrap


class Changed(Part):
    """The drawing with the best score beside the first drawn one, by whether they are right: share of prompts."""

    gained: Estimate = Field(
        title="right only by the choice", description="The first drawn is wrong, the best is right."
    )
    lost: Estimate = Field(title="wrong only by the choice", description="The first drawn is right, the best is wrong.")
    both_right: Estimate = Field(title="right in any case")
    both_wrong: Estimate = Field(title="wrong in any case")
    gained_prompts: int = Field(title="prompts gained")
    lost_prompts: int = Field(title="prompts lost")
    p_value: float = Field(
        title="p, exact test of McNemar",
        description="How often numbers of gained and lost prompts as unequal would come about by a blind choice.",
    )


class Agreement(Part):
    """How well the ranker's score tells right drawings from wrong ones."""

    within: Estimate | None = Field(
        title="a right drawing scores above a wrong one of its prompt",
        description="Mean over prompts that have both: the area under the ROC curve.",
    )
    coin: Baseline = Field(title="a coin", description="The same if scores told nothing.")
    correlation: Estimate | None = Field(
        title="correlation of score and being right",
        description="Over all drawings of all prompts: point-biserial, from -1 to 1. Easy captions raise it too.",
    )


class Reranking(Part):
    """Every drawing is kept; the ranker only puts them in order. Here is whether that order is worth anything."""

    question = Question.DRAWS

    seen: Changed | None = Field(title="Best by score instead of first drawn, captions from training")
    unseen: Changed | None = Field(title="Best by score instead of first drawn, captions never seen")
    agreement: Agreement | None = Field(title="Score and being right")
    extremes: Pictures | None = Field(
        title="Highest and lowest score",
        description="Of the first prompts of the list, held-out ones where there are any: above the drawing with the "
        "highest score, below that with the lowest.",
    )


def measure(evidence: Evidence) -> Reranking | None:
    """None where there is no choice to be made."""
    chosen = [prompt for prompt in evidence.prompts if len(prompt.rows) > 1]
    if not chosen:
        return None
    told = [prompt for prompt in chosen if prompt.right]
    shown = [prompt for prompt in chosen if prompt.best["group"] == "val"] or chosen
    return Reranking(
        seen=_changed([prompt for prompt in told if prompt.best["group"] == "train"]),
        unseen=_changed([prompt for prompt in told if prompt.best["group"] == "val"]),
        agreement=_agreement(evidence, told),
        extremes=Pictures(prompts=tuple(_extremes(prompt) for prompt in shown[:SHOWN])),
    )


def _changed(prompts: Sequence[RankedSamples]) -> Changed | None:
    if not prompts:
        return None
    pairs = [(bool(is_right(prompt.first)), bool(is_right(prompt.best))) for prompt in prompts]
    gained, lost = pairs.count((False, True)), pairs.count((True, False))
    return Changed(
        gained=proportion([pair == (False, True) for pair in pairs]),
        lost=proportion([pair == (True, False) for pair in pairs]),
        both_right=proportion([pair == (True, True) for pair in pairs]),
        both_wrong=proportion([pair == (False, False) for pair in pairs]),
        gained_prompts=gained,
        lost_prompts=lost,
        p_value=plain(mcnemar(gained, lost)),
    )


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact p of McNemar's test (1947): that of a fair coin for the smaller of the two numbers."""
    n = gained + lost
    tail = sum(comb(n, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**n)


def _agreement(evidence: Evidence, prompts: Sequence[RankedSamples]) -> Agreement | None:
    scored = [prompt for prompt in prompts if all(isfinite(row["score"]) for row in prompt.rows)]
    pairs = [([row["score"] for row in prompt.rows], prompt.right) for prompt in scored]
    areas = [area for scores, right in pairs if (area := roc_area(scores, right)) is not None]
    correlation = _correlation(pairs)
    if not areas and correlation is None:
        return None
    return Agreement(
        within=evidence.mean(areas, SHARE) if areas else None,
        coin=Baseline(value=0.5, unit=SHARE),
        correlation=correlation,
    )


def roc_area(scores: Sequence[float], right: Sequence[bool]) -> float | None:
    """How often a right one scores above a wrong one, ties counting half; None without one of each kind."""
    values, is_so = np.array(scores), np.array(right, bool)
    apart = values[is_so][:, None] - values[~is_so][None, :]
    return float(((apart > 0) + 0.5 * (apart == 0)).mean()) if apart.size else None


def _correlation(pairs: Sequence[tuple[Sequence[float], Sequence[bool]]]) -> Estimate | None:
    """With the interval of the bootstrap over prompts; None where all are right, all wrong, or all scored alike."""
    if len(pairs) < 2:
        return None
    sums = np.array([_moments(np.array(scores), np.array(right, float)) for scores, right in pairs])
    value = float(_pearson(sums.sum(0)))
    random, n = np.random.default_rng(0), len(sums)
    resampled = _pearson(np.array([sums[random.integers(n, size=n)].sum(0) for _ in range(RESAMPLES)]))
    if not np.isfinite(value) or not np.isfinite(resampled).any():
        return None
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Estimate(value=plain(value), low=plain(low), high=plain(high), n=len(pairs))


def _moments(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, ...]:
    return len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()


def _pearson(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation from [..., 6] sums; NaN where a variable has one value."""
    n, x, y, xx, yy, xy = np.moveaxis(moments, -1, 0)
    spread = (n * xx - x * x) * (n * yy - y * y)
    found: NDArray[np.float64] = (n * xy - x * y) / np.sqrt(
        np.where(spread > 1e-12 * (n * xx) * (n * yy), spread, np.nan)
    )
    return found


def _extremes(prompt: RankedSamples) -> Picks:
    return Picks(prompt=prompt.best["prompt"], samples=(_picked(prompt.best), _picked(prompt.worst)))


def _picked(row: Row) -> Picked:
    return Picked(prompt_id=row["prompt_id"], index=row["index"], said=f"{row['score']:.2f}", is_right=is_right(row))
