"""Copies are told by distances that are unusual for pictures the models never saw."""

import numpy as np
import pytest
from support.evidence import evidence, judged

from tasks.evaluate import memorisation
from tasks.evaluate.feature_search import FeatureDistances


def mse(level: float) -> float:
    return (level / 255) ** 2


COPIED = judged(0, [True, True], nearest_mse=mse(2)) + judged(1, [True], group="val", nearest_mse=mse(40))
REBUILT = [{"rebuilt_nearest_mse": mse(level)} for level in range(20, 41)]


def test_samples_nearer_than_rebuilt_pictures_are_copies():
    measured = memorisation.measure(evidence(COPIED, rebuilt=REBUILT))
    assert measured.copy_limit.value == pytest.approx(21)
    assert (measured.copies.train.value, measured.copies.val.value, measured.copies.fixed) == (1, 0, None)


def test_every_distance_is_in_the_histogram():
    measured = memorisation.measure(evidence(COPIED, rebuilt=REBUILT))
    assert {name: sum(counts) for name, counts in measured.distances.counts.items()} == {
        memorisation.REBUILT: 21,
        "samples, training captions": 2,
        "samples, held-out captions": 1,
    }


def test_without_an_image_tokenizer_the_held_out_pictures_themselves_are_the_yardstick():
    measured = memorisation.measure(evidence(COPIED, held_out_mse=[mse(10), mse(10)]))
    assert measured.copy_limit.value == pytest.approx(10)
    assert memorisation.HELD_OUT in measured.distances.counts


def test_without_held_out_pictures_nothing_is_called_a_copy():
    measured = memorisation.measure(evidence(COPIED))
    assert measured.copies is measured.copy_limit is None
    assert measured.medians["samples, training captions"] == pytest.approx(2)


def test_nothing_tells_nothing():
    assert memorisation.measure(evidence([])) is None


def test_more_candidates_of_the_same_prompts_do_not_make_the_interval_narrower():
    def interval(candidates: int) -> tuple[float, float]:
        rows = [
            row
            for prompt in range(6)
            for row in judged(prompt, [True] * candidates, nearest_mse=mse(2 + prompt % 2 * 40))
        ]
        copies = memorisation.measure(evidence(rows, rebuilt=REBUILT)).copies.train
        assert copies.n == 6
        return copies.low, copies.high

    assert interval(16) == pytest.approx(interval(1))


def test_pictures_that_set_no_limit_tell_how_often_it_errs():
    never_seen = [mse(level) for level in np.random.default_rng(0).uniform(10, 50, 400)]
    copies = memorisation.measure(
        evidence(COPIED, rebuilt=[{"rebuilt_nearest_mse": each} for each in never_seen])
    ).copies
    assert copies.false_positives.n == 200
    assert copies.false_positives.low < 0.05 < copies.false_positives.high
    nearer = [mse(30 - 15 * (i % 2)) for i in range(20)]  # those that try the limit are unlike those that set it
    assert memorisation.measure(evidence(COPIED, held_out_mse=nearer)).copies.false_positives.value == 1


def test_memorised_pictures_raise_the_share_of_copies_in_features():
    def share(memorised: int) -> float:
        near = [0.001] * memorised + [0.2] * (20 - memorised)
        found = FeatureDistances(100, {"val": near}, [0.1 + i / 1000 for i in range(100)])
        return memorisation.measure_by_features(evidence([], feature_distances=found)).copies.val.value

    assert [share(memorised) for memorised in (0, 5, 20)] == [0, 0.25, 1]


def test_without_a_search_there_is_no_memorisation_by_features():
    assert memorisation.measure_by_features(evidence(COPIED, rebuilt=REBUILT)) is None
