"""Krippendorff's alpha is that of the package `krippendorff`; its interval holds the true one."""

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.study import correlated_votes

from tasks.study.agreement import alpha_estimate, answer_counts, krippendorff_alpha

# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: four observers, twelve units; nominal alpha 0.743.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, np.nan, np.nan, np.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, np.nan, 3],
        [np.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, np.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, np.nan],
    ]
)


def alpha(answers: np.ndarray, categories: int) -> float | None:
    return krippendorff_alpha(answer_counts(answers, categories))


def test_alpha_of_the_published_example_is_the_published_one() -> None:
    assert alpha(PUBLISHED - 1, 5) == pytest.approx(0.743, abs=5e-4)
    assert alpha(PUBLISHED - 1, 5) == pytest.approx(
        krippendorff.alpha(reliability_data=PUBLISHED, level_of_measurement="nominal"), abs=1e-7
    )


@given(st.integers(2, 6), st.integers(2, 12), st.integers(0, 2**32 - 1), st.floats(0, 0.6))
def test_alpha_is_that_of_the_package(raters: int, pairs: int, seed: int, missing: float) -> None:
    random = np.random.default_rng(seed)
    answers = random.integers(3, size=(raters, pairs)).astype(np.float64)
    answers[random.random(answers.shape) < missing] = np.nan
    ours = alpha(answers, 3)
    paired = answers[:, (~np.isnan(answers)).sum(0) >= 2]
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        assert ours is None
    else:
        theirs = krippendorff.alpha(reliability_data=answers, level_of_measurement="nominal")
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_full_agreement_is_one_and_nothing_to_compare_is_none() -> None:
    assert alpha(np.array([[0.0, 1, 2], [0, 1, 2]]), 3) == 1.0
    assert alpha(np.zeros((3, 4)), 3) is None
    assert alpha(np.array([[0.0, 1, 2]]), 3) is None
    assert alpha_estimate(np.zeros((2, 3))) is None


@pytest.mark.parametrize("pairs", [30, 60])
def test_the_interval_of_alpha_holds_the_true_one(pairs: int) -> None:
    random, inside, studies = np.random.default_rng(5), 0, 600
    true = 0.3  # of votes with this correlation, where both answers are as common
    for _ in range(studies):
        votes = correlated_votes(random, 5, pairs, 0.5, true)
        estimate = alpha_estimate(answer_counts(votes, 2), resamples=400)
        assert estimate is not None
        inside += estimate.low <= true <= estimate.high
    assert inside / studies >= 0.93
