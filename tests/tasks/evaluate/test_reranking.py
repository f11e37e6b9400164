"""What the choice by score changes, on samples of which it is known which are right."""

import numpy as np
import pytest
from scipy import stats
from support.evidence import evidence, judged

from tasks.evaluate import reranking
from tasks.evaluate.reranking import mcnemar, roc_area

GAINED, LOST, KEPT, NEVER = (True, False), (False, True), (True, True), (False, False)  # best, and first drawn


def prompts(*kinds: tuple[bool, ...], group: str = "val") -> list[dict]:
    return [row for number, hits in enumerate(kinds) for row in judged(number, hits, group=group)]


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (3, 3), (11, 4), (7, 1), (2, 30)])
def test_mcnemars_p_is_that_of_the_exact_binomial_test(gained: int, lost: int) -> None:
    expected = stats.binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected)


def test_prompts_are_counted_by_what_is_right_before_and_after_the_choice() -> None:
    found = reranking.measure(evidence(prompts(GAINED, GAINED, GAINED, LOST, KEPT, KEPT, NEVER, NEVER))).unseen
    shares = [each.value for each in (found.gained, found.lost, found.both_right, found.both_wrong)]
    assert shares == [3 / 8, 1 / 8, 2 / 8, 2 / 8]
    assert (found.gained_prompts, found.lost_prompts, found.p_value) == (3, 1, 0.625)


def test_the_area_is_that_of_the_mann_whitney_statistic() -> None:
    random = np.random.default_rng(0)
    scores, right = random.integers(6, size=40) / 2, random.uniform(size=40) < 0.4  # with ties
    u = stats.mannwhitneyu(scores[right], scores[~right]).statistic
    assert roc_area(scores, right) == pytest.approx(u / right.sum() / (~right).sum())
    assert roc_area(scores, np.ones(40, bool)) is None


def test_the_correlation_is_the_point_biserial_one_over_all_drawings() -> None:
    random = np.random.default_rng(0)
    rows = prompts(*[tuple((random.uniform(size=4) < 0.5).tolist()) for _ in range(30)])
    rows = [row | {"score": float(random.normal(row["is_hit"], 1))} for row in rows]
    found = reranking.measure(evidence(rows)).agreement.correlation
    expected = stats.pointbiserialr([row["is_hit"] for row in rows], [row["score"] for row in rows]).statistic
    assert found.value == pytest.approx(expected)
    assert found.low < expected < found.high
    assert found.n == 30


def test_a_score_that_knows_the_answer_agrees_in_all_prompts_and_one_that_knows_it_wrongly_in_none() -> None:
    assert reranking.measure(evidence(prompts(GAINED, GAINED, KEPT))).agreement.within.value == 1
    assert reranking.measure(evidence(prompts(LOST, LOST, NEVER))).agreement.within.value == 0


def test_where_all_are_right_nothing_can_agree_with_it() -> None:
    assert reranking.measure(evidence(prompts(KEPT, KEPT))).agreement is None


def test_the_highest_and_the_lowest_of_the_first_prompts_are_shown() -> None:
    rows = prompts(*[GAINED] * 10, group="train")
    shown = reranking.measure(evidence(rows)).extremes.prompts
    assert [pick.prompt for pick in shown] == [f"caption {n}" for n in range(8)]
    assert [(each.index, each.is_right) for each in shown[0].samples] == [(1, True), (0, False)]


def test_of_one_candidate_each_nothing_can_be_chosen() -> None:
    assert reranking.measure(evidence(prompts((True,), (False,)))) is None
