"""Distances to the true picture, in grey levels."""

import pytest
from support.evidence import corpus, evidence, found, grey, judged

from tasks.evaluate import true_distance


def prompt(number: int, level: int, **values) -> list[dict]:
    """A held-out prompt whose best candidate is `level` grey levels from its true picture."""
    rows = judged(number, (True, False), group="val", **values)
    return [row | {"true_mse": ((level + 10 * row["rank"]) / 255) ** 2} for row in rows]


def test_each_way_to_a_picture_is_measured_in_grey_levels():
    rows = prompt(0, 5) + prompt(1, 5)
    train = corpus(10, rows, found_by_words={"caption 0": found(130), "caption 1": found(130)})
    val = corpus(2, rows, prompted={row["pair_id"]: grey(100 + 60 * row["prompt_id"]) for row in rows})
    distance = true_distance.measure(evidence(rows, train=train, val=val))
    values = (distance.best.value, distance.first.value, distance.word_search.value, distance.other_images.value)
    assert values == pytest.approx((5, 15, 30, 60))
    assert distance.best.unit == "grey levels"


def test_more_candidates_bring_a_good_ranker_nearer_and_a_bad_one_away():
    def distances(ranks):
        rows = prompt(0, 5) + prompt(1, 5)
        rows = [row | {"rank": ranks[row["rank"]]} for row in rows]
        val = corpus(2, rows, prompted={row["pair_id"]: grey(100) for row in rows})
        train = corpus(10, rows, found_by_words={"caption 0": found(130), "caption 1": found(130)})
        return true_distance.measure(evidence(rows, train=train, val=val)).by_candidates

    one = ((5**2 + 15**2) / 2) ** 0.5
    by_score, perfect = distances((0, 1)).lines
    assert by_score.x == (1, 2)
    assert by_score.y == perfect.y == pytest.approx((one, 5))
    by_score, perfect = distances((1, 0)).lines
    assert by_score.y == pytest.approx((one, 15))
    assert perfect.y == pytest.approx((one, 5))


def test_without_held_out_pictures_there_is_no_distance():
    assert true_distance.measure(evidence(judged(0, [True]))) is None
