"""Intervals, expectations over subsets and entropies, against textbook values and brute force."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tasks.evaluate.statistics import (
    any_of,
    best_of,
    expected_proportion,
    mean,
    perplexity,
    proportion,
    proportion_of_groups,
    ratio_of_means,
    t_95,
)

HITS = st.lists(st.booleans(), min_size=1, max_size=7)


def test_wilsons_interval_is_the_textbook_one():
    estimate = proportion([True] * 8 + [False] * 2)
    assert (estimate.value, estimate.n) == (0.8, 10)
    assert (estimate.low, estimate.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@pytest.mark.parametrize(("hits", "low", "high"), [([True] * 10, 0.7225, 1.0), ([False] * 10, 0.0, 0.2775)])
def test_all_or_nothing_still_has_an_interval(hits, low, high):
    estimate = proportion(hits)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-4)


def test_there_is_no_figure_of_nothing():
    with pytest.raises(ValueError, match="nothing"):
        proportion([])
    with pytest.raises(ValueError, match="nothing"):
        mean([], resamples=100, seed=0)


def test_the_bootstrap_is_the_same_every_time_and_holds_the_mean():
    values = np.random.default_rng(1).normal(5, 1, size=200).tolist()
    first, second = (mean(values, resamples=500, seed=3) for _ in range(2))
    assert first == second
    assert first.low < first.value < first.high
    assert first.high - first.low == pytest.approx(2 * 1.96 / np.sqrt(200), rel=0.2)


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


def test_the_bootstrap_over_prompts_holds_the_true_expectation_of_best_of_k():
    random, k, true = np.random.default_rng(2), 4, (16 - 4) / 5
    inside = 0
    for _ in range(200):
        # A prompt is harder or easier as a whole; within it the ranker sorts 16 candidates perfectly.
        prompts = [random.normal() + np.arange(16.0) for _ in range(30)]
        estimate = mean([best_of(list(prompt), k) for prompt in prompts], resamples=200, seed=0)
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
    assert 0.9 <= inside / 400 <= 0.995


def test_the_expected_share_of_sure_hits_is_the_share_of_hits():
    hits = [True] * 7 + [False] * 3
    assert expected_proportion([float(hit) for hit in hits]) == proportion(hits)
    assert expected_proportion([0.0] * 24) == proportion([False] * 24)
    with pytest.raises(ValueError, match="nothing"):
        expected_proportion([])


def test_perplexity_counts_equally_used_codes():
    assert perplexity(np.array([5, 5, 5, 5, 0, 0])) == pytest.approx(4)
    assert perplexity(np.array([9, 0])) == pytest.approx(1)
    assert perplexity(np.array([0, 0])) == 0


def coverage(likeness: str, prompts: int = 24, candidates: int = 8, rounds: int = 400, share: float = 0.3) -> float:
    """How often the interval of a simulated evaluation holds the true share."""
    random = np.random.default_rng(5)
    inside = 0
    for _ in range(rounds):
        chance = {
            "equal": (random.random(prompts) < share).astype(float),
            "alike": random.beta(share, 1 - share, prompts),
            "independent": np.full(prompts, share),
        }[likeness]
        hits = random.random((prompts, candidates)) < chance[:, None]
        estimate = proportion_of_groups(hits.tolist())
        inside += estimate.low <= share <= estimate.high
    return inside / rounds


@pytest.mark.parametrize("likeness", ["equal", "alike", "independent"])
def test_the_interval_holds_the_true_share_however_alike_the_candidates_of_a_prompt_are(likeness):
    assert 0.92 <= coverage(likeness) <= 0.99


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


def test_the_interval_of_a_ratio_holds_the_true_one():
    random = np.random.default_rng(0)
    held = []
    for seed in range(300):
        whole = random.gamma(2.0, 1.0, 60)
        estimate = ratio_of_means(whole * random.uniform(0, 0.6, 60), whole, resamples=200, seed=seed)
        held.append(estimate.low <= 0.3 <= estimate.high)
    assert np.mean(held) >= 0.92  # of 95 %, with the error of 300 rounds


def test_a_ratio_is_of_sums_and_there_is_none_to_nothing():
    assert ratio_of_means([1, 1], [1, 3], resamples=100, seed=0).value == 0.5
    for denominators in ([], [0.0]):
        with pytest.raises(ValueError, match="no ratio"):
            ratio_of_means([0.0] * len(denominators), denominators, resamples=100, seed=0)


@pytest.mark.parametrize("freedom", [3, 5, 10, 30, 1000])
def test_students_percentile_is_that_of_scipy(freedom):
    assert t_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.01)
