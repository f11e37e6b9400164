"""How far two sets of pictures are apart, and how sure a network is of one set's classes; as FID and IS are computed.

Figures of few pictures are biased: distances are too large, scores too small. An interval here is for other prompts and
other real pictures of the same numbers, so it holds what such sets would show on average, not what endless ones would.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, exp, sqrt

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.quantities import Estimate
from tasks.evaluate.statistics import plain, students_t

Features = NDArray[np.floating]  # [n, D]
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
        return cls(mean, _triangle(factor) if len(values) > values.shape[1] else factor)


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Squared Fréchet distance of two Gaussians (Dowson and Landau 1982), which is what FID tells.

    The trace of the root of the product of covariances is the sum of the singular values of the product of their
    factors, which needs no root of a matrix, and is exact for fewer pictures than features.
    """
    between = one.mean - other.mean
    product = one.factor @ other.factor.T
    square = product @ product.T if len(product) <= len(product.T) else product.T @ product
    common = np.sqrt(np.linalg.eigvalsh(square).clip(0)).sum()
    return float(between @ between + (one.factor**2).sum() + (other.factor**2).sum() - 2 * common)


def class_score(probabilities: Features) -> float:
    """The exponential of `divergence`: IS (Salimans et al. 2016), in one split."""
    return exp(divergence(probabilities))


def divergence(probabilities: Features) -> float:
    """Mean Kullback-Leibler divergence of each picture's classes [n, C] from those of all pictures, in nats."""
    from scipy.special import entr

    values = probabilities.astype(np.float64)
    return float(entr(values.mean(0)).sum() - entr(values).sum(1).mean())


def distance(one: Features, other: Features) -> Estimate:
    """Squared Fréchet distance of two sets of at least `LEAST` pictures, with its interval."""
    one, other = _turned(one, other)
    first, second = Gaussian.of(one), Gaussian.of(other)
    without_one = [frechet_distance(Gaussian.of(kept), second) for kept in left_out(one)]
    without_other = [frechet_distance(first, Gaussian.of(kept)) for kept in left_out(other)]
    return _not_below(0.0, _estimate(frechet_distance(first, second), len(one), without_one, without_other))


def excess(drawn: Features, true: Features, other: Features) -> Estimate:
    """How much farther drawings are from a set than the true pictures of the same captions are, with its interval."""
    drawn, true, other = _turned(drawn, true, other)

    def farther(some: Features, same: Features, target: Gaussian) -> float:
        return frechet_distance(Gaussian.of(some), target) - frechet_distance(Gaussian.of(same), target)

    target, pairs = Gaussian.of(other), zip(left_out(drawn), left_out(true), strict=True)
    without_prompts = [farther(some, same, target) for some, same in pairs]
    without_other = [farther(drawn, true, Gaussian.of(kept)) for kept in left_out(other)]
    return _estimate(farther(drawn, true, target), len(drawn), without_prompts, without_other)


def score(probabilities: Features) -> Estimate:
    """`class_score` of at least `LEAST` pictures, with its interval, which is that of the divergence."""
    without_one = [divergence(kept) for kept in left_out(probabilities)]
    found = _estimate(divergence(probabilities), len(probabilities), without_one)
    value, low, high = (plain(exp(each)) for each in (found.value, found.low, found.high))
    return _not_below(1.0, Estimate(value=value, low=low, high=high, n=found.n))


def left_out(features: Features) -> Iterator[Features]:
    """All pictures but one, or but one group of equal size where there are more than `MOST_GROUPS` pictures."""
    size = ceil(len(features) / MOST_GROUPS)
    for start in range(0, len(features) - size + 1, size):
        yield np.delete(features, slice(start, start + size), axis=0)


def _turned(*sets: Features) -> list[NDArray[np.float64]]:
    """The same sets in no more dimensions than there are pictures, which changes no distance and saves time."""
    together = np.concatenate(sets).astype(np.float64)
    if len(together) < together.shape[1]:
        together = _triangle(together.T).T
    return np.split(together, np.cumsum([len(each) for each in sets])[:-1])


def _triangle(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """R of QR: a matrix of fewer rows with the same products of its columns."""
    found: NDArray[np.float64] = np.asarray(np.linalg.qr(matrix, mode="r"))
    return found


def _estimate(value: float, n: int, *without: Sequence[float]) -> Estimate:
    """A figure with the jackknife's interval: the variances that each set brings are added.

    Args:
        without: for each set, the figure with each group of its pictures left out.
    """
    variance = sum((len(each) - 1) * float(np.var(each)) for each in without)
    half = students_t(min(map(len, without)) - 1) * sqrt(variance)
    return Estimate(value=plain(value), low=plain(value - half), high=plain(value + half), n=n)


def _not_below(least: float, found: Estimate) -> Estimate:
    return found.model_copy(update={"low": max(found.low, least)})
