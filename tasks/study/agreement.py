"""Krippendorff's alpha for nominal answers, and its interval."""

from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.quantities import Estimate
from tasks.evaluate.statistics import plain, students_t

LEAST_PAIRS = 3  # for an interval


def answer_counts(answers: NDArray[np.float64], categories: int) -> NDArray[np.float64]:
    """How often each pair got each answer.

    Args:
        answers: [raters, pairs], whole numbers from 0 to `categories` - 1, NaN where there is none.

    Returns:
        [pairs, categories].
    """
    return np.stack([(answers == category).sum(0) for category in range(categories)], 1).astype(np.float64)


def krippendorff_alpha(counts: NDArray[np.float64]) -> float | None:
    """1 - observed / expected disagreement (Krippendorff, Content Analysis, 2004, 11.3): 1 is full agreement, 0 chance.

    Args:
        counts: [pairs, categories], as of `answer_counts`. A pair with fewer than two answers says nothing.

    Returns:
        None where it is not defined: no pair has two answers, or all answers are the same.
    """
    [alpha] = _alphas(counts, np.ones((1, len(counts))))
    return None if np.isnan(alpha) else plain(alpha)


def alpha_estimate(counts: NDArray[np.float64], resamples: int = 2000, seed: int = 0) -> Estimate | None:
    """Alpha with the interval of a percentile bootstrap over pairs: for other such pairs and these raters.

    The percentiles are wider than 2.5 and 97.5, as much as Student's t is wider than the normal distribution for so
    many pairs (the expanded percentile interval: Hesterberg, What Teachers Should Know About the Bootstrap, 2015).
    Resamples in which alpha is not defined are left out.

    Returns:
        None where alpha is not defined, or there are fewer than LEAST_PAIRS pairs with two answers.
    """
    usable = counts[counts.sum(1) >= 2]
    alpha = krippendorff_alpha(usable)
    n = len(usable)
    if alpha is None or n < LEAST_PAIRS:
        return None
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    alphas = _alphas(usable, weights)
    tail = 100 * NormalDist().cdf(-sqrt(n / (n - 1)) * students_t(n - 1))
    low, high = np.nanpercentile(alphas, [tail, 100 - tail])
    return Estimate(value=alpha, low=plain(min(low, alpha)), high=plain(max(high, alpha)), n=n)


def _alphas(counts: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Alpha of each of the weightings [B, pairs] of pairs; NaN where it is not defined."""
    sizes = counts.sum(1)
    useful = sizes >= 2
    counts, sizes, weights = counts[useful], sizes[useful], weights[:, useful]
    disagreeing = (sizes**2 - (counts**2).sum(1)) / (sizes - 1) if len(sizes) else sizes
    totals = weights @ counts
    n = totals.sum(1)
    expected = n**2 - (totals**2).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (n - 1) * (weights @ disagreeing) / expected, np.nan)
