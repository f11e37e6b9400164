"""Copies are told by distances that are unusual for pictures the models never saw."""

import pytest
from support.evidence import evidence, judged

from tasks.evaluate import memorisation


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
