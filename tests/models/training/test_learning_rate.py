"""The learning rate falls with the step, or by half where the training loss no longer falls."""

import math
from collections.abc import Iterable
from typing import Any

import pytest
from pydantic import ValidationError

from models.training.config import TrainingConfig
from models.training.learning_rate import LearningRate, learning_rate


def _rate(**changes: Any) -> LearningRate:
    """Peak 8, floor 1; 4 updates of warm-up, windows of 10 updates that have to be a tenth better."""
    settings: dict[str, Any] = {"schedule": "plateau", "learning_rate": 8.0, "final_learning_rate": 1.0}
    settings |= {"warmup_steps": 4, "plateau_steps": 10, "plateau_improvement": 0.1}
    return learning_rate(TrainingConfig(**settings | changes))


def _rates(rate: LearningRate, losses: Iterable[float], first: int = 0, every: int = 1) -> list[float]:
    """The rate of each step, which is logged, and so observed, at multiples of `every`."""
    rates = []
    for step, loss in enumerate(losses, start=first):
        rates.append(rate.at(step))
        if step % every == 0:
            rate.observe(step, loss)
    return rates


def test_warm_up_is_linear_and_its_losses_tell_nothing() -> None:
    rates = _rates(_rate(), [1.0] * 4 + [100.0] * 10 + [50.0] * 10)
    assert rates == [2.0, 4.0, 6.0, 8.0] + [8.0] * 20


def test_the_rate_is_halved_after_a_window_that_is_not_better_by_the_share() -> None:
    assert _rates(_rate(), [5.0] * 14 + [4.51] * 10 + [4.51] * 2)[-4:] == [8.0, 8.0, 4.0, 4.0]
    assert _rates(_rate(), [5.0] * 14 + [4.49] * 10 + [4.49] * 2)[-4:] == [8.0, 8.0, 8.0, 8.0]


def test_the_window_after_a_halving_is_compared_with_none() -> None:
    rates = _rates(_rate(), [5.0] * 64)
    assert rates[4:] == [8.0] * 20 + [4.0] * 20 + [2.0] * 20


def test_a_rate_never_falls_below_its_end() -> None:
    assert _rates(_rate(final_learning_rate=3.0), [5.0] * 200)[-1] == 3.0


def test_a_loss_below_zero_that_falls_is_no_plateau() -> None:
    rates = _rates(_rate(), [-5.0] * 14 + [-5.6] * 10 + [-5.7] * 10 + [0.0])
    assert rates[-11:] == [8.0] * 10 + [4.0]


def test_a_loss_that_is_no_number_is_passed_over() -> None:
    rates = _rates(_rate(), [5.0] * 14 + [math.nan] * 9 + [4.0] + [math.nan] * 15 + [3.0] + [0.0])
    assert rates[-1] == 8.0


def test_a_window_is_closed_at_the_first_logged_step_that_fills_it() -> None:
    rates = _rates(_rate(), [5.0] * 40, every=4)  # windows end at the steps 16 and 28
    assert rates[4:] == [8.0] * 25 + [4.0] * 11


@pytest.mark.parametrize("kept", [2, 9, 24, 25, 31, 44])
def test_one_that_is_restored_goes_on_as_if_nothing_had_been(kept: int) -> None:
    losses = [5.0 - 0.01 * step for step in range(70)]
    whole = _rates(_rate(), losses)
    first, second = _rate(), _rate()
    before = _rates(first, losses[:kept])
    second.restore(first.tensors())
    assert before + _rates(second, losses[kept:], first=kept) == whole
    assert whole[-1] < 4.0


def test_a_cosine_takes_no_notice_of_the_loss() -> None:
    rates = _rates(_rate(schedule="cosine", steps=64), [5.0] * 70)
    assert rates[34] == pytest.approx(4.5)  # in the middle of its fall from 8 to 1
    assert rates[-1] == 1.0


def test_a_final_rate_above_the_peak_is_refused() -> None:
    with pytest.raises(ValidationError, match="is above"):
        _rate(final_learning_rate=9.0)
