"""How far two sets of pictures are apart, and how sure a network is of one set's classes; as FID and IS are computed.

Figures of few pictures are biased: distances are too large, scores too small. An interval here is for other prompts and
other real pictures of the same numbers, so it holds what such sets would show on average, not what endless ones would.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, exp, sqrt

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.quantities import Estimate
from tasks.evaluate.statistics import plain, students_t

Features = NDArray[np.float32]  # [n, D]
Places = NDArray[np.int64]
Statistic = Callable[[Places, Places], float]  # of some pictures of one set, and some of another
LEAST = 3  # pictures, so that one can be left out
MOST_GROUPS = 64  # of the jackknife: as many as there are pictures, or so many of equal size


@dataclass(frozen=True)
class Gaussian:
    """The mean [D] of features, and their covariance as factor.T @ factor, of at most D rows."""

    mean: NDArray[np.float64]
    factor: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features) -> "Gaussian":
        """Of two pictures or more."""
        values = features.astype(np.float64)
        mean = values.mean(0)
        factor = (values - mean) / sqrt(len(values) - 1)
        return cls(mean, np.linalg.qr(factor, mode="r") if len(values) > values.shape[1] else factor)


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Squared Fréchet distance of two Gaussians (Dowson and Landau 1982), which is what FID tells.

    The trace of the root of the product of covariances is the sum of the singular values of the product of their
    factors, which needs no root of a matrix, and is exact for fewer pictures than features.
    """
    between = one.mean - other.mean
    common = np.linalg.svd(one.factor @ other.factor.T, compute_uv=False).sum()
    return float(between @ between + (one.factor**2).sum() + (other.factor**2).sum() - 2 * common)


def class_score(probabilities: NDArray[np.floating]) -> float:
    """The exponential of `divergence`: IS (Salimans et al. 2016), in one split."""
    return exp(divergence(probabilities.astype(np.float64)))


def divergence(probabilities: NDArray[np.float64]) -> float:
    """Mean Kullback-Leibler divergence of each picture's classes from those of all pictures, nats; [n, C]."""
    from scipy.special import entr

    return float(entr(probabilities.mean(0)).sum() - entr(probabilities).sum(1).mean())


def distance(one: Features, other: Features) -> Estimate:
    """Squared Fréchet distance of two sets of at least `LEAST` pictures, with its interval."""

    def of(some: Places, others: Places) -> float:
        return frechet_distance(Gaussian.of(one[some]), Gaussian.of(other[others]))

    return _not_below(0.0, estimate(of, len(one), len(other)))


def excess(drawn: Features, true: Features, other: Features) -> Estimate:
    """How much farther drawings are from a set than the true pictures of the same captions are, with its interval."""

    def of(some: Places, others: Places) -> float:
        target = Gaussian.of(other[others])
        return frechet_distance(Gaussian.of(drawn[some]), target) - frechet_distance(Gaussian.of(true[some]), target)

    return estimate(of, len(drawn), len(other))


def score(probabilities: NDArray[np.float32]) -> Estimate:
    """`class_score` of at least `LEAST` pictures, with its interval, which is that of the divergence."""
    values = probabilities.astype(np.float64)
    found = estimate(lambda kept, _: divergence(values[kept]), len(values), 0)
    value, low, high = (plain(exp(each)) for each in (found.value, found.low, found.high))
    return _not_below(1.0, Estimate(value=value, low=low, high=high, n=found.n))


def estimate(statistic: Statistic, n: int, others: int) -> Estimate:
    """A statistic of two sets, or of one where there are no others, with an interval for other pictures of both: the
    jackknife's variances of each set, added."""
    every, every_other = np.arange(n), np.arange(others)
    value = statistic(every, every_other)
    variance, groups = _jackknife([statistic(kept, every_other) for kept in left_out(n)])
    if others:
        more, other_groups = _jackknife([statistic(every, kept) for kept in left_out(others)])
        variance, groups = variance + more, min(groups, other_groups)
    half = students_t(groups - 1) * sqrt(variance)
    return Estimate(value=plain(value), low=plain(value - half), high=plain(value + half), n=n)


def left_out(n: int) -> Iterator[Places]:
    """All places but one, or but one group of equal size where there are more than `MOST_GROUPS` places."""
    size = ceil(n / MOST_GROUPS)
    for start in range(0, n - size + 1, size):
        yield np.delete(np.arange(n), slice(start, start + size))


def _jackknife(values: list[float]) -> tuple[float, int]:
    """Variance of a statistic by its values with each group left out, and the number of groups."""
    groups = len(values)
    return (groups - 1) * float(np.var(values)), groups


def _not_below(least: float, found: Estimate) -> Estimate:
    return found.model_copy(update={"low": max(found.low, least)})
