"""Intervals of shares hold the true share about as often as they say."""

import numpy as np
import pytest
from support.study import correlated_votes

from tasks.evaluate.statistics import expected_proportion, proportion
from tasks.study.intervals import of_other_raters
from tasks.study.power import majority_chances, sign_test

LEAST = 0.93  # of a nominal 0.95
STUDIES = 800
SHAPES = [(30, 0.6, 0.2), (30, 0.9, 0.2), (60, 0.93, 0.4), (100, 0.5, 0.2)]


@pytest.mark.parametrize("n", [1, 5, 6, 30, 101])
def test_the_interval_leaves_out_one_half_where_the_sign_test_rejects_it(n: int) -> None:
    for hits in range(n + 1):
        estimate = proportion([True] * hits + [False] * (n - hits))
        assert (estimate.low <= 0.5 <= estimate.high) == (sign_test(hits, n - hits) > 0.05)


@pytest.mark.parametrize(("pairs", "preference", "correlation"), SHAPES)
def test_the_intervals_over_pairs_hold_the_true_shares(pairs: int, preference: float, correlation: float) -> None:
    random, raters = np.random.default_rng(7), 5
    won, _ = majority_chances(raters, preference, correlation)
    majorities = votes_held = 0
    for _ in range(STUDIES):
        votes = correlated_votes(random, raters, pairs, preference, correlation)
        majority = proportion((votes.mean(0) > 0.5).tolist())
        majorities += majority.low <= won <= majority.high
        share = expected_proportion(votes.mean(0).tolist())
        votes_held += share.low <= preference <= share.high
    assert majorities / STUDIES >= LEAST
    assert votes_held / STUDIES >= LEAST


def test_a_percentile_bootstrap_over_pairs_would_not() -> None:
    random, pairs, won = np.random.default_rng(8), 30, 0.95
    weights = random.multinomial(pairs, np.full(pairs, 1 / pairs), size=500) / pairs
    inside = 0
    for _ in range(STUDIES):
        low, high = np.percentile(weights @ (random.random(pairs) < won), [2.5, 97.5])
        inside += low <= won <= high
    assert inside / STUDIES < 0.85


@pytest.mark.parametrize(("pairs", "raters", "scatter"), [(30, 5, 0.05), (60, 5, 0.15), (60, 3, 0.1), (40, 10, 0.1)])
def test_the_interval_of_other_raters_holds_the_share_of_all_people(pairs: int, raters: int, scatter: float) -> None:
    random, inside, true = np.random.default_rng(9), 0, 0.5
    for _ in range(STUDIES):
        of_pairs = random.uniform(-0.25, 0.25, pairs)
        chances = true + of_pairs + random.normal(0, scatter, (raters, 1)).clip(-0.25, 0.25)
        votes = (random.random((raters, pairs)) < chances).astype(np.float64)
        votes[random.random(votes.shape) < 0.1] = np.nan  # not everybody answers everything
        estimate = of_other_raters(votes)
        assert estimate is not None
        inside += estimate.low <= true <= estimate.high
    assert inside / STUDIES >= LEAST


@pytest.mark.parametrize("raters", [3, 5, 10])
@pytest.mark.parametrize("usual", [0.8, 0.95, 0.98])
def test_it_does_so_where_almost_all_votes_are_for_one_side(usual: float, raters: int) -> None:
    random, pairs = np.random.default_rng(10), 36

    def chances(*parts: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.log(usual / (1 - usual)) - sum(parts)))

    true = chances(*random.normal(size=(2, 200_000))).mean()
    inside = 0
    for _ in range(STUDIES):
        votes = random.random((raters, pairs)) < chances(random.normal(size=pairs), random.normal(size=(raters, 1)))
        estimate = of_other_raters(votes.astype(np.float64))
        assert estimate is not None
        inside += estimate.low <= true <= estimate.high
    assert inside / STUDIES >= LEAST


def test_raters_who_happen_to_be_alike_leave_it_as_wide_as_pairs_make_it() -> None:
    votes = np.tile(np.arange(40) % 2.0, (5, 1))
    estimate, of_pairs = of_other_raters(votes), proportion([True, False] * 20)
    assert estimate is not None
    assert estimate.high - estimate.low == pytest.approx(of_pairs.high - of_pairs.low, rel=0.02)


def test_votes_that_are_all_alike_leave_other_votes_possible() -> None:
    estimate = of_other_raters(np.ones((5, 30)))
    assert estimate is not None
    assert (estimate.value, estimate.high) == (1, 1)
    assert estimate.low == pytest.approx(proportion([True] * 5).low)


def test_one_rater_says_nothing_of_others() -> None:
    assert of_other_raters(np.array([[1.0, 0.0, 1.0]])) is None
