"""How often the right picture is drawn, on verdicts whose rates are known beforehand."""

import pytest
from support.evidence import corpus, evidence, judged

from tasks.evaluate import hits
from tasks.evaluate.config import Config

ONLY_BEST = (True, False, False, False)


def test_rates_are_of_the_best_the_first_drawn_the_worst_and_any():
    rows = judged(0, ONLY_BEST) + judged(1, (False, False, False, True))
    seen = hits.measure(evidence(rows)).seen
    assert (seen.best.value, seen.first.value, seen.worst.value, seen.any.value) == (0.5, 0.5, 0.5, 1)
    assert seen.best.n == 2


def test_a_ranker_that_finds_the_one_right_sample_earns_the_whole_gain():
    seen = hits.measure(evidence(judged(0, ONLY_BEST))).seen
    assert seen.gain_of_reranking.value == 100
    by_score, perfect = seen.by_candidates.lines
    assert by_score.x == (1, 2, 4)
    assert by_score.y == perfect.y == (0.25, 0.5, 1)


def test_chance_is_the_share_of_pictures_with_the_prompts_caption():
    rows = judged(0, ONLY_BEST)
    unseen = judged(1, ONLY_BEST, group="val")
    found = hits.measure(evidence(rows + unseen, train=corpus(8, rows), val=corpus(2, unseen)))
    assert found.seen.chance.value == pytest.approx(1 / 8)
    assert found.unseen.chance.value == pytest.approx(1 / 10)


def test_the_curve_ends_at_the_candidates_that_were_drawn_and_says_so():
    drawn = judged(0, [True] * 6) + judged(1, [True] * 7)
    curve = hits.measure(evidence(drawn, config=Config(best_of=(1, 2, 4, 8)))).seen.by_candidates
    assert curve.lines[0].x == (1, 2, 4, 6)
    assert curve.note == "It ends at 6, not at 8: so many were drawn for each prompt."


def test_a_curve_of_all_that_was_asked_for_needs_no_excuse():
    curve = hits.measure(evidence(judged(0, [True] * 6))).seen.by_candidates
    assert curve.lines[0].x == (1, 2, 4)
    assert curve.note == ""


def test_one_number_of_candidates_makes_no_curve():
    assert hits.measure(evidence(judged(0, [True]))).seen.by_candidates is None


def test_prompts_without_a_right_picture_tell_nothing():
    assert hits.measure(evidence(judged(0, [None, None], group="fixed"))) is None
