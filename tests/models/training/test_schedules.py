"""The schedules have the paper's values."""

import itertools
import math

import pytest

from models.training.schedules import cosine_ramp, ema_decay_at, linear_warmup, warmup_cosine


@pytest.mark.parametrize(
    ("start", "end", "steps", "step", "value"),
    [
        (0.0, 6.6, 5_000, 0, 0.0),
        (0.0, 6.6, 5_000, 2_500, 3.3),
        (0.0, 6.6, 5_000, 5_000, 6.6),
        (0.0, 6.6, 5_000, 1_000_000, 6.6),
        (1.0, 1 / 16, 150_000, 150_000, 0.0625),
        (1e-4, 1.25e-6, 1_200_000, 600_000, (1e-4 + 1.25e-6) / 2),
        (1e-4, 1.25e-6, 1_200_000, 3_000_000, 1.25e-6),
    ],
)
def test_cosine_ramps_have_the_papers_values(start: float, end: float, steps: int, step: int, value: float) -> None:
    assert cosine_ramp(start, end, steps, step) == pytest.approx(value)


def test_a_cosine_ramp_is_flat_at_both_ends() -> None:
    first = cosine_ramp(1.0, 0.0, 100, 0) - cosine_ramp(1.0, 0.0, 100, 1)
    middle = cosine_ramp(1.0, 0.0, 100, 50) - cosine_ramp(1.0, 0.0, 100, 51)
    assert first < middle / 30
    assert middle == pytest.approx(math.pi / 200, rel=1e-3)


def test_warm_up_is_a_line_that_reaches_the_peak_at_its_last_step() -> None:
    values = [linear_warmup(4.5e-4, 5_000, step) for step in (0, 2_499, 4_999, 5_000, 9_999)]
    assert values == pytest.approx([4.5e-4 / 5_000, 2.25e-4, 4.5e-4, 4.5e-4, 4.5e-4])


def test_the_learning_rate_has_no_jump_between_warm_up_and_decay() -> None:
    values = [warmup_cosine(1.0, 0.0, 10, 100, step) for step in range(120)]
    assert max(abs(a - b) for a, b in itertools.pairwise(values)) <= 0.1 + 1e-12
    assert values[9] == 1.0
    assert values[100] == values[119] == 0.0


def test_the_decay_of_the_ema_rises_to_its_limit() -> None:
    decays = [ema_decay_at(0.999, step) for step in (0, 10, 100, 10_000)]
    assert decays == sorted(decays)
    assert decays[0] == pytest.approx(0.1)
    assert decays[-1] == 0.999
