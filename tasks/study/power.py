"""What a study can find: the exact power of its test, from the number of raters, of pairs, and how alike votes are.

The model: a rater prefers A on a pair with a chance that differs between pairs, as a beta distribution with mean
`preference`; `correlation` is that of two raters' votes on the same pair. A pair goes to A when most raters prefer A
there. The test is the exact two-sided sign test over the pairs that are decided, at 5 %.
"""

from collections.abc import Callable
from math import comb, exp, lgamma

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
WANTED = 0.8  # the usual power to plan for
MOST_PAIRS = 20_000
_NEGLIGIBLE = 1e-12


def majority_chances(raters: int, preference: float, correlation: float) -> tuple[float, float]:
    """The chances that most raters prefer A on a pair, and that as many prefer A as B (never with an odd number).

    Args:
        preference: mean chance that a vote is for A, in [0, 1].
        correlation: of two votes on one pair, in [0, 1].
    """
    votes = _beta_binomial(raters, preference, correlation)
    tie = votes[raters // 2] if raters % 2 == 0 else 0.0
    return float(votes[raters // 2 + 1 :].sum()), float(tie)


def sign_test(wins: int, losses: int) -> float:
    """The two-sided p-value of so many pairs for A and for B, if each were as likely; 1 where there are none."""
    n = wins + losses
    return min(1.0, 2 * float(binomial(n, 0.5)[max(wins, losses) :].sum())) if n else 1.0


def power(raters: int, pairs: int, preference: float, correlation: float) -> float:
    """The chance that the sign test over pairs rejects, with A ahead."""
    won, tied = majority_chances(raters, preference, correlation)
    if tied == 0.0:
        return _power_of_decided(pairs, won)
    share = won / (1 - tied) if tied < 1 else 0.5
    decided = binomial(pairs, 1 - tied)
    return float(sum(decided[n] * _power_of_decided(n, share) for n in np.flatnonzero(decided > _NEGLIGIBLE).tolist()))


def pairs_needed(raters: int, preference: float, correlation: float) -> int | None:
    """About the fewest pairs with a power of WANTED; None if MOST_PAIRS are too few.

    The power of an exact test falls a little from one number of pairs to the next, so some numbers near it differ.
    """
    return _fewest(lambda pairs: power(raters, pairs, preference, correlation) >= WANTED)


def least_preference(raters: int, pairs: int, correlation: float) -> float | None:
    """The smallest preference that is found with a power of WANTED, to 0.1 %; None if not even 100 % is."""
    if power(raters, pairs, 1.0, correlation) < WANTED:
        return None
    low, high = 0.5, 1.0
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if power(raters, pairs, middle, correlation) >= WANTED else (middle, high)
    return high


def least_p_of_raters(raters: int) -> float:
    """The smallest p-value that raters can give about people at large: when all of them prefer the same side."""
    return sign_test(raters, 0)


def _power_of_decided(pairs: int, won: float) -> float:
    """The chance that so many decided pairs, of which A wins each with this chance, let the test reject for A."""
    tail = np.cumsum(binomial(pairs, 0.5)[::-1])[::-1]  # tail[w]: the chance of w wins or more, of equals
    rejecting = np.flatnonzero(2 * tail <= LEVEL)
    return float(binomial(pairs, won)[rejecting[0] :].sum()) if len(rejecting) else 0.0


def binomial(n: int, p: float) -> NDArray[np.float64]:
    """Probabilities of 0 … n hits, each of which has the chance `p`: [n + 1]."""
    k = np.arange(n + 1)
    if p <= 0 or p >= 1:
        return (k == (n if p >= 1 else 0)).astype(np.float64)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    ways = factorials[n] - factorials[k] - factorials[n - k]
    return np.asarray(np.exp(ways + k * np.log(p) + (n - k) * np.log1p(-p)))


def _beta_binomial(n: int, mean: float, correlation: float) -> NDArray[np.float64]:
    """Probabilities of 0 … n votes for A, whose chance is beta distributed over pairs."""
    if correlation <= 0 or mean <= 0 or mean >= 1:
        return binomial(n, mean)
    if correlation >= 1:
        return np.array([1 - mean, *[0.0] * (n - 1), mean])
    a, b = (each * (1 - correlation) / correlation for each in (mean, 1 - mean))
    return np.array([comb(n, k) * exp(_log_beta(k + a, n - k + b) - _log_beta(a, b)) for k in range(n + 1)])


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The least number up to MOST_PAIRS that is enough, where all above it are."""
    high = 1
    while not enough(high):
        high *= 2
        if high > MOST_PAIRS:
            return None
    low = high // 2  # not enough, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
