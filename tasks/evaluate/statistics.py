"""Intervals and expectations of the figures: small, exact where they can be, seeded where they cannot."""

from collections.abc import Sequence
from functools import lru_cache
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.quantities import SHARE, Estimate

Z_95 = 1.959964


def proportion(hits: Sequence[bool]) -> Estimate:
    """Share of hits with Wilson's interval, which stays inside [0, 1] and is honest at 0 % and 100 %.

    Raises:
        ValueError: nothing was counted.
    """
    n = len(hits)
    if n == 0:
        raise ValueError("no share of nothing")
    return _wilson(sum(hits) / n, n, n)


def proportion_of_groups(groups: Sequence[Sequence[bool]]) -> Estimate:
    """Share of hits among all members of groups, such as the candidates of prompts, which are alike within a group.

    Wilson's interval for as many independent members as would scatter like the shares of the groups do: between the
    number of groups, where members of one group are all equal, and the number of members, where a group means nothing
    (Kish, Survey Sampling, 1965: the effective sample size). Where all members of all groups are equal, their
    dependence cannot be seen, and each group counts once. `n` of the estimate is the number of groups.

    Raises:
        ValueError: nothing was counted.
    """
    groups = [group for group in groups if len(group)]
    if not groups:
        raise ValueError("no share of nothing")
    members = np.array([len(group) for group in groups], dtype=np.float64)
    shares = np.array([sum(group) for group in groups]) / members
    total = float(members.sum())
    p = float((shares * members).sum() / total)
    weights = members / total
    scatter = float((weights**2 * (shares - p) ** 2).sum()) * len(groups) / max(len(groups) - 1, 1)
    fewest = min(1.0 / float((weights**2).sum()), float(len(groups)))
    effective = min(max(p * (1 - p) / scatter, fewest), total) if scatter > 0 and 0 < p < 1 else fewest
    if scatter == 0 and 0 < p < 1 and len(groups) > 1:
        effective = total
    return _wilson(p, effective, len(groups))


def expected_proportion(chances: Sequence[float]) -> Estimate:
    """Mean of chances of a hit, one for each prompt, whose expectation is exact: only the choice of prompts is random.

    Wilson's interval, as in `proportion_of_groups`: for as many independent hits as would scatter like the chances do,
    but for no fewer than there are prompts. At 0 % and 100 %, where a bootstrap has no width, it is that of
    `proportion`.

    Raises:
        ValueError: there are no chances.
    """
    n = len(chances)
    if n == 0:
        raise ValueError("no share of nothing")
    p = min(max(float(np.mean(chances)), 0.0), 1.0)
    scatter = float(np.var(chances, ddof=1)) / n if n > 1 else 0.0
    return _wilson(p, max(p * (1 - p) / scatter, n) if scatter > 0 else n, n)


def _wilson(p: float, n: float, counted: int) -> Estimate:
    centre = (p + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
    # At 0 % and 100 % the bound is p itself; rounding must not push it past.
    low, high = min(centre - half, p), max(centre + half, p)
    return Estimate(value=plain(p), low=plain(max(low, 0.0)), high=plain(min(high, 1.0)), n=counted, unit=SHARE)


def mean(values: Sequence[float], resamples: int, seed: int, unit: str = "") -> Estimate:
    """Mean with the interval of the percentile bootstrap over the values.

    Raises:
        ValueError: there are no values.
    """
    n = len(values)
    if n == 0:
        raise ValueError("no mean of nothing")
    data = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(seed)
    means = np.array([data[generator.integers(n, size=n)].mean() for _ in range(resamples)])
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(value=plain(data.mean()), low=plain(low), high=plain(high), n=n, unit=unit)


def ratio_of_means(
    numerators: Sequence[float], denominators: Sequence[float], resamples: int, seed: int, unit: str = ""
) -> Estimate:
    """Mean of the numerators over that of the denominators, with the interval of the bootstrap over pairs of them.

    Raises:
        ValueError: there are no pairs, or the denominators add up to nothing.
    """
    pairs = np.array([numerators, denominators], dtype=np.float64)
    n = pairs.shape[1]
    if n == 0 or pairs[1].sum() <= 0:
        raise ValueError("no ratio to nothing")
    generator = np.random.default_rng(seed)
    drawn = np.array([pairs[:, generator.integers(n, size=n)].sum(1) for _ in range(resamples)])
    low, high = np.percentile(drawn[:, 0] / np.maximum(drawn[:, 1], 1e-300), [2.5, 97.5])
    value = pairs[0].sum() / pairs[1].sum()
    return Estimate(value=plain(value), low=plain(low), high=plain(high), n=n, unit=unit)


def t_95(freedom: int) -> float:
    """The 97.5th percentile of Student's distribution (Abramowitz & Stegun 26.7.5; within 1 % from 3 degrees on)."""
    z = Z_95
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))


def best_of(values_by_rank: Sequence[float], k: int) -> float:
    """Expected value of the best-ranked of k candidates, drawn at random from all N; of hits, their probability."""
    return sum(p * value for p, value in zip(_best_of_subset(len(values_by_rank), k), values_by_rank, strict=True))


@lru_cache(maxsize=256)
def _best_of_subset(n: int, k: int) -> tuple[float, ...]:
    """For each rank, the probability that it is the best of k out of n.

    Exact: candidate of rank r is the best of a random subset when the other k - 1 come from the n - 1 - r below it.
    """
    return tuple(comb(n - 1 - rank, k - 1) / comb(n, k) for rank in range(n))


def any_of(hits: Sequence[bool], k: int) -> float:
    """Probability that k candidates, drawn at random from all N, hold at least one hit."""
    n = len(hits)
    return 1.0 - comb(n - sum(hits), k) / comb(n, k)


def perplexity(counts: NDArray[np.int64]) -> float:
    """How many codes a uniform use of equal entropy would have; 0 where nothing was counted."""
    total = counts.sum()
    if total == 0:
        return 0.0
    frequencies = counts[counts > 0] / total
    return plain(np.exp(-(frequencies * np.log(frequencies)).sum()))


def plain(value: float) -> float:
    """Eight significant digits: beyond them equal runs on other machines differ."""
    return float(f"{float(value):.8g}")
