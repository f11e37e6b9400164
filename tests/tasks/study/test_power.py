"""The power analysis agrees with simulated studies."""

import numpy as np
import pytest
from scipy.stats import betabinom, binomtest
from support.study import correlated_votes

from tasks.study.plan import plan_lines, plan_study
from tasks.study.power import (
    least_p_of_raters,
    least_preference,
    majority_chances,
    pairs_needed,
    power,
    sign_test,
)

STUDIES = 3000


@pytest.mark.parametrize(
    ("raters", "pairs", "preference", "correlation"),
    [(5, 30, 0.6, 0.2), (5, 50, 0.6, 0.2), (1, 100, 0.6, 0.2), (4, 40, 0.65, 0.3), (2, 25, 0.7, 0.1), (9, 30, 0.6, 0.5),
     (5, 60, 0.5, 0.2)],
)  # fmt: skip
def test_the_power_is_the_share_of_simulated_studies_that_find_the_preference(
    raters: int, pairs: int, preference: float, correlation: float
) -> None:
    random = np.random.default_rng(11)
    rejects = {(w, n): w > n - w and binomtest(w, n).pvalue <= 0.05 for n in range(1, pairs + 1) for w in range(n + 1)}
    found = 0
    for _ in range(STUDIES):
        votes = correlated_votes(random, raters, pairs, preference, correlation)
        wins, losses = (int((2 * votes.sum(0) > raters).sum()), int((2 * votes.sum(0) < raters).sum()))
        found += rejects.get((wins, wins + losses), False)
    told = power(raters, pairs, preference, correlation)
    assert found / STUDIES == pytest.approx(told, abs=4 * np.sqrt(told * (1 - told) / STUDIES))


@pytest.mark.parametrize(("raters", "preference", "correlation"), [(5, 0.6, 0.2), (4, 0.7, 0.5), (1, 0.55, 0.9)])
def test_the_majority_of_correlated_votes_is_beta_binomial(raters: int, preference: float, correlation: float) -> None:
    scale = (1 - correlation) / correlation
    votes = betabinom(raters, preference * scale, (1 - preference) * scale)
    tie = votes.pmf(raters / 2) if raters % 2 == 0 else 0.0
    assert majority_chances(raters, preference, correlation) == pytest.approx((votes.sf(raters // 2), tie))


@pytest.mark.parametrize(("wins", "losses"), [(5, 0), (6, 0), (20, 10), (10, 20), (7, 7), (560, 440)])
def test_the_sign_test_is_the_exact_one(wins: int, losses: int) -> None:
    assert sign_test(wins, losses) == pytest.approx(binomtest(wins, wins + losses).pvalue)
    assert sign_test(0, 0) == 1.0


def test_without_a_preference_it_is_found_at_most_at_the_level_of_one_side() -> None:
    assert 0 < max(power(raters, pairs, 0.5, 0.2) for raters in (1, 2, 5) for pairs in (6, 20, 50, 300)) <= 0.025


def test_votes_that_are_all_alike_make_many_raters_no_better_than_one() -> None:
    assert power(9, 50, 0.6, 1.0) == pytest.approx(power(1, 50, 0.6, 0.2))
    assert power(9, 50, 0.6, 0.0) > power(9, 50, 0.6, 0.3) > power(1, 50, 0.6, 0.3)


def test_what_is_needed_has_the_wanted_power_and_a_little_less_has_not() -> None:
    pairs = pairs_needed(5, 0.6, 0.2)
    assert pairs is not None
    assert power(5, pairs, 0.6, 0.2) >= 0.8
    assert power(5, pairs - 10, 0.6, 0.2) < 0.8
    least = least_preference(5, 50, 0.2)
    assert least is not None
    assert power(5, 50, least, 0.2) >= 0.8 > power(5, 50, least - 0.002, 0.2)
    assert pairs_needed(5, 0.5, 0.2) is None
    assert least_preference(5, 5, 0.2) is None  # five pairs never reach 5 %


def test_five_raters_can_never_speak_of_people_in_general_and_six_can() -> None:
    assert [least_p_of_raters(raters) for raters in (5, 6)] == pytest.approx([0.0625, 0.03125])
    assert "It speaks of these raters: even if all 5" in plan_study(5, 50, 0.6, 0.2).said
    assert "Of people in general it can speak if nearly all 9" in plan_study(9, 50, 0.6, 0.2).said


def test_the_plan_tells_what_was_asked_among_other_numbers() -> None:
    plan = plan_study(7, 30, 0.7, 0.3)
    assert [row.raters for row in plan.rows] == [1, 3, 5, 7, 9]
    [asked] = [row for row in plan.rows if row.raters == 7]
    assert asked.chances[plan.pairs.index(30)] == pytest.approx(power(7, 30, 0.7, 0.3), abs=1e-4)
    lines = plan_lines(plan)
    assert lines[2].split("  ")[0].strip() == "raters"
    assert "With 7 raters and 30 pairs a true preference of 70% is found" in lines[-1]
