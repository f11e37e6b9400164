"""Intervals of shares of pairs and of votes.

Not the percentile bootstrap over pairs: with 30 pairs of which A wins 95 % it holds the true share in 77 % of studies
(`tests/tasks/study/test_intervals.py` has the trial), since few resamples hold a pair that A loses.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.quantities import SHARE, Estimate
from tasks.evaluate.statistics import Z_95, plain
from tasks.study.power import binomial

TAIL = 0.025
# Student's t, 97.5 %, for 1 … 30 degrees of freedom; beyond them 1.96 + 2.4 / df is as good.
T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def exact_proportion(hits: int, n: int) -> Estimate:
    """Share of hits with the interval of Clopper and Pearson, which leaves out 1/2 where the sign test rejects it.

    Raises:
        ValueError: nothing was counted.
    """
    if n == 0:
        raise ValueError("no share of nothing")
    low = _root(lambda p: _at_least(hits, n, p) > TAIL) if hits else 0.0
    high = _root(lambda p: 1 - _at_least(hits + 1, n, p) <= TAIL) if hits < n else 1.0
    return Estimate(value=plain(hits / n), low=plain(low), high=plain(high), n=n, unit=SHARE)


def of_other_raters(votes: NDArray[np.float64]) -> Estimate | None:
    """Mean over pairs of the share of votes, with an interval for other pairs and other raters like these.

    The variance of the mean of a crossed design: that of the pairs' means and that of the raters' means, less what
    both hold of single votes. The raters' part is multiplied by Student's t for their number, which is small.

    Args:
        votes: [raters, pairs], NaN where there is none.

    Returns:
        None with fewer than two raters or two pairs.
    """
    votes = votes[:, ~np.isnan(votes).all(0)]
    raters, pairs = votes.shape
    if raters < 2 or pairs < 2:
        return None
    n = int((~np.isnan(votes)).sum())
    of_raters, of_pairs = np.nanmean(votes, 1), np.nanmean(votes, 0)
    mean = float(of_pairs.mean())
    single = float(np.nansum((votes - of_raters[:, None] - of_pairs + mean) ** 2)) / max(n - raters - pairs + 1, 1) / n
    by_pairs, by_raters = float(of_pairs.var(ddof=1)) / pairs, float(of_raters.var(ddof=1)) / raters
    variance = Z_95**2 * max(by_pairs - single, 0.0) + students_t(raters - 1) ** 2 * by_raters
    half = sqrt(max(variance, Z_95**2 * by_pairs))  # raters who happen to be alike make it no narrower than these alone
    low, high = max(mean - half, 0.0), min(mean + half, 1.0)
    return Estimate(value=plain(mean), low=plain(low), high=plain(high), n=raters, unit=SHARE)


def students_t(df: int) -> float:
    """The 97.5 % quantile of Student's t."""
    return T_95[df - 1] if df <= len(T_95) else Z_95 + 2.4 / df


def _at_least(hits: int, n: int, p: float) -> float:
    """The chance of so many hits or more."""
    return float(binomial(n, p)[hits:].sum())


def _root(beyond: Callable[[float], bool]) -> float:
    """Where a condition that is false near 0 and true near 1 begins to hold."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high
