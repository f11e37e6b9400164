"""Tests of paired differences, against scipy, textbook values and simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest, wilcoxon

from tasks.compare.paired import (
    LEVEL,
    MCNEMAR,
    MOST_PROMPTS,
    WILCOXON,
    difference,
    holm,
    least_found,
    paired_test,
    prompts_needed,
)
from tasks.evaluate.quantities import SHARE


@pytest.mark.parametrize(("wins", "losses"), [(9, 1), (3, 3), (0, 5), (40, 21)])
def test_right_and_wrong_are_tested_by_mcnemars_exact_test(wins: int, losses: int) -> None:
    name, p = paired_test([1.0] * wins + [-1.0] * losses + [0.0] * 30)
    assert name == MCNEMAR
    assert p == pytest.approx(binomtest(wins, wins + losses).pvalue)


def test_other_differences_are_tested_by_wilcoxons_signed_ranks() -> None:
    values = np.random.default_rng(0).normal(0.4, 1, 24)
    assert paired_test(values.tolist()) == (WILCOXON, pytest.approx(wilcoxon(values).pvalue))
    assert paired_test([*values.tolist(), 0.0, 0.0]) == paired_test(values.tolist())


def test_sides_that_nowhere_differ_are_not_told_apart() -> None:
    assert paired_test([0.0] * 24) == (MCNEMAR, 1.0)
    assert prompts_needed([0.0] * 24) is None
    assert least_found([0.0] * 24) is None


def test_holms_adjustment_is_the_textbook_one() -> None:
    # Holm, Scandinavian Journal of Statistics 6, 1979: each p times the number of those not smaller, never decreasing.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_of_figures_without_a_difference_one_comparison_in_twenty_finds_one() -> None:
    random, rounds = np.random.default_rng(1), 200
    found = 0
    for _ in range(rounds):
        found += min(holm([paired_test(random.normal(size=24).tolist())[1] for _ in range(5)])) <= LEVEL
    assert found / rounds <= 0.085


@pytest.mark.parametrize("true", [0.3, 0.6])
def test_so_many_prompts_as_are_said_to_be_needed_tell_the_difference_four_times_in_five(true: float) -> None:
    random, rounds = np.random.default_rng(2), 300
    needed = prompts_needed((true + np.array([-1.0, 1.0] * 500)).tolist())
    assert needed == pytest.approx((2.8016 / true) ** 2, rel=0.02, abs=1)
    told = sum(paired_test(random.normal(true, 1, needed).tolist())[1] <= LEVEL for _ in range(rounds))
    assert 0.72 <= told / rounds <= 0.88


def test_a_difference_near_nothing_needs_no_number_of_prompts() -> None:
    assert prompts_needed([1.0, -1.0] * 500 + [0.1]) is None
    assert prompts_needed([1.0, -1.0] * 50 + [1.0]) == pytest.approx((2.8016 * 101) ** 2, rel=0.02)
    assert MOST_PROMPTS > (2.8016 * 101) ** 2


def test_the_difference_that_prompts_find_is_the_one_they_are_needed_for() -> None:
    values = np.random.default_rng(3).normal(0, 2, 64)
    least = least_found(values.tolist())
    shifted = values - values.mean() + least
    assert prompts_needed(shifted.tolist()) == pytest.approx(64, abs=1)


def test_differences_of_shares_are_in_percentage_points_and_others_in_their_unit() -> None:
    assert difference([1.0, 0.0, 0.0, 0.0], SHARE).value == 25
    assert difference([1.0, 0.0, 0.0, 0.0], SHARE).unit == "percentage points"
    assert (difference([1.0, 3.0], "points").value, difference([1.0, 3.0], "points").unit) == (2, "points")
