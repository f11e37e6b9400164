"""Intervals, expectations over subsets and entropies, against textbook values and brute force."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from tasks.evaluate.means import difference_of_shares, mean
from tasks.evaluate.statistics import (
    any_of,
    best_of,
    expected_proportion,
    perplexity,
    proportion,
    proportion_of_groups,
)

HITS = st.lists(st.booleans(), min_size=1, max_size=7)


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (7, 7), (3, 10), (45, 50), (933, 1000)])
def test_the_interval_of_a_share_is_that_of_clopper_and_pearson(hits, n):
    estimate, theirs = (
        proportion([True] * hits + [False] * (n - hits)),
        binomtest(hits, n).proportion_ci(method="exact"),
    )
    assert (estimate.value, estimate.n) == (hits / n, n)
    assert (estimate.low, estimate.high) == pytest.approx((theirs.low, theirs.high), abs=1e-7)


def test_there_is_no_figure_of_nothing():
    with pytest.raises(ValueError, match="nothing"):
        proportion([])
    with pytest.raises(ValueError, match="nothing"):
        mean([])
    with pytest.raises(ValueError, match="nothing"):
        difference_of_shares([])


def test_the_interval_of_a_mean_of_normal_values_is_near_students():
    values = np.random.default_rng(1).normal(5, 1, size=200)
    estimate, theirs = mean(values), ttest_1samp(values, 0).confidence_interval()
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.low, estimate.high) == pytest.approx((theirs.low, theirs.high), abs=0.003)
    assert estimate.high - estimate.low == pytest.approx(theirs.high - theirs.low, rel=0.02)


def test_the_interval_of_a_skewed_mean_reaches_further_to_its_long_tail():
    values = np.random.default_rng(1).exponential(size=24)
    right, left = mean(values), mean(-values)
    assert right.high - right.value > 1.2 * (right.value - right.low)
    assert (left.low, left.high) == pytest.approx((-right.high, -right.low))


def test_one_value_and_equal_values_have_no_width():
    for values in ([3.0], [3.0] * 9):
        estimate = mean(values)
        assert (estimate.low, estimate.value, estimate.high) == (3, 3, 3)


@given(HITS | st.lists(st.floats(-9, 9), min_size=1, max_size=7), st.data())
def test_best_of_k_is_the_mean_over_all_subsets(values, data):
    k = data.draw(st.integers(1, len(values)))
    subsets = list(combinations(range(len(values)), k))
    assert best_of(values, k) == pytest.approx(np.mean([values[min(subset)] for subset in subsets]), abs=1e-9)


def test_best_of_k_of_the_papers_512_is_a_number_too():
    falling = [float(-rank) for rank in range(512)]
    assert [best_of(falling, k) for k in (1, 512)] == pytest.approx([-255.5, 0.0])
    # The expected least of k out of 0 … n-1 is (n - k) / (k + 1).
    assert best_of(falling, 64) == pytest.approx(-(512 - 64) / 65)


def test_the_interval_over_prompts_holds_the_true_expectation_of_best_of_k():
    random, k, true = np.random.default_rng(2), 4, (16 - 4) / 5
    inside = 0
    for _ in range(200):
        # A prompt is harder or easier as a whole; within it the ranker sorts 16 candidates perfectly.
        prompts = [random.normal() + np.arange(16.0) for _ in range(30)]
        estimate = mean([best_of(list(prompt), k) for prompt in prompts])
        inside += estimate.low <= true <= estimate.high
    assert 0.88 <= inside / 200 <= 0.98


@given(HITS, st.data())
def test_any_of_k_is_the_mean_over_all_subsets(hits, data):
    k = data.draw(st.integers(1, len(hits)))
    subsets = list(combinations(hits, k))
    assert any_of(hits, k) == pytest.approx(np.mean([any(subset) for subset in subsets]))


@pytest.mark.parametrize("k", [1, 4, 16])
@pytest.mark.parametrize("sure", [0.2, 2.0])  # prompts whose candidates are all alike, or not
def test_the_interval_of_an_expected_share_holds_the_true_one(k, sure):
    random, inside = np.random.default_rng(4), 0
    true = np.mean(1 - (1 - random.beta(0.2 * sure, 0.8 * sure, 200_000)) ** k)
    for _ in range(400):
        hits = random.random((24, 16)) < random.beta(0.2 * sure, 0.8 * sure, (24, 1))
        estimate = expected_proportion([any_of(each.tolist(), k) for each in hits])
        inside += estimate.low <= true <= estimate.high
    assert inside / 400 >= 0.93


def test_the_expected_share_of_sure_hits_is_the_share_of_hits():
    hits = [True] * 7 + [False] * 3
    assert expected_proportion([float(hit) for hit in hits]) == proportion(hits)
    assert expected_proportion([0.0] * 24) == proportion([False] * 24)
    with pytest.raises(ValueError, match="nothing"):
        expected_proportion([])


def test_chances_that_are_equal_but_for_rounding_are_equal():
    assert expected_proportion([0.1, 0.1, 0.3 - 0.2]) == expected_proportion([0.1] * 3)
    nearly = expected_proportion([0.5, 0.5, 0.5 + 1e-7])
    assert nearly.low <= nearly.value <= nearly.high


def test_perplexity_counts_equally_used_codes():
    assert perplexity(np.array([5, 5, 5, 5, 0, 0])) == pytest.approx(4)
    assert perplexity(np.array([9, 0])) == pytest.approx(1)
    assert perplexity(np.array([0, 0])) == 0


@pytest.mark.parametrize("hit", [True, False])
def test_where_all_candidates_agree_a_prompt_counts_once(hit):
    grouped, single = proportion_of_groups([[hit] * 8] * 12), proportion([hit] * 12)
    assert (grouped.value, grouped.low, grouped.high, grouped.n) == (single.value, single.low, single.high, 12)


def test_groups_of_one_are_plain_hits():
    hits = [True] * 8 + [False] * 2
    grouped, single = proportion_of_groups([[hit] for hit in hits]), proportion(hits)
    assert (grouped.low, grouped.high) == pytest.approx((single.low, single.high), abs=0.02)
    with pytest.raises(ValueError, match="nothing"):
        proportion_of_groups([[], []])
