"""Tests of paired differences, one for each prompt, and what more prompts would tell."""

from collections.abc import Sequence
from math import ceil, sqrt
from statistics import NormalDist

import numpy as np

from tasks.evaluate.means import difference_of_shares, mean
from tasks.evaluate.quantities import SHARE, Estimate
from tasks.study.power import WANTED, sign_test

LEVEL = 0.05
MOST_PROMPTS = 100_000
MCNEMAR, WILCOXON = "McNemar, exact", "Wilcoxon, signed rank"
_QUANTILES = NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(WANTED)


def difference(values: Sequence[float], unit: str) -> Estimate:
    """Mean of the differences with its interval over prompts; of shares in percentage points.

    Args:
        values: one for each prompt.
        unit: of the two figures whose difference it is.
    """
    return difference_of_shares(values) if unit == SHARE else mean(values, unit)


def paired_test(values: Sequence[float]) -> tuple[str, float]:
    """The name of the test that there is no difference, and its two-sided p-value.

    Where each difference is of right and wrong, so -1, 0 or 1, it is McNemar's exact test, which is the sign test over
    the prompts that differ; else Wilcoxon's signed-rank test without the prompts that do not. 1 where none differs.
    """
    differing = np.asarray([value for value in values if value != 0])
    if set(differing.tolist()) <= {-1.0, 1.0}:
        return MCNEMAR, sign_test(int((differing > 0).sum()), int((differing < 0).sum()))
    from scipy.stats import wilcoxon

    return WILCOXON, float(wilcoxon(differing).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, adjusted so that of all tests together one in twenty finds what is not there (Holm, 1979)."""
    adjusted = [1.0] * len(p_values)
    least = 0.0
    for place, number in enumerate(np.argsort(p_values, kind="stable").tolist()):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[number]))
        adjusted[number] = least
    return adjusted


def prompts_needed(values: Sequence[float]) -> int | None:
    """About how many prompts tell the difference with a power of WANTED, if it and its scatter are as seen here.

    From the normal distribution. None where they are more than MOST_PROMPTS, or there is no difference at all.
    """
    data = np.asarray(values, dtype=np.float64)
    if len(data) < 2 or data.mean() == 0:
        return None
    needed = (_QUANTILES * data.std(ddof=1) / data.mean()) ** 2
    return None if needed > MOST_PROMPTS else max(ceil(needed), 2)


def least_found(values: Sequence[float]) -> float | None:
    """The difference that so many prompts tell with a power of WANTED; None where it cannot be known."""
    data = np.asarray(values, dtype=np.float64)
    if len(data) < 2 or not data.any():
        return None
    return _QUANTILES * float(data.std(ddof=1)) / sqrt(len(data))
