"""The distribution of the ranker's scores."""

import math

from support.evidence import evidence, judged

from tasks.evaluate import scores


def test_all_samples_and_the_chosen_ones_are_counted():
    measured = scores.measure(evidence(judged(0, [True, False]) + judged(1, [True, False])))
    assert [sum(counts) for counts in measured.scores.counts.values()] == [4, 2]


def test_equal_scores_and_scores_that_are_no_numbers_do_no_harm():
    rows = judged(0, [True], score=0.5) + judged(1, [True], score=math.nan)
    assert [sum(counts) for counts in scores.measure(evidence(rows)).scores.counts.values()] == [1, 1]
    assert scores.measure(evidence(judged(0, [True], score=math.nan))) is None
