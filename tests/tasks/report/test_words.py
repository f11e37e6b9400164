"""Numbers as a person would write them."""

import pytest

from tasks.evaluate.quantities import SHARE, Estimate
from tasks.report import words


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (None, words.NOTHING),
        (0, "0%"),
        (0.0002, "0.02%"),
        (1e-9, "0.0000001%"),
        (0.00099, "0.1%"),
        (0.004, "0.4%"),
        (0.784, "78%"),
        (0.995, "99.5%"),
        (1, "100%"),
    ],
)
def test_shares_are_written_as_a_person_would(share, written):
    assert words.percent(share) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.01, "< 0.1 s"), (4.26, "4.3 s"), (48.4, "48 s"), (750, "12 min 30 s"), (12000, "3 h 20 min")],
)
def test_durations_are_written_in_the_unit_that_fits(seconds, written):
    assert words.duration(seconds) == written


def test_distances_are_written_in_grey_levels():
    assert words.grey((10 / 255) ** 2) == "10.0"
    assert words.grey(None) == words.NOTHING


@pytest.mark.parametrize(
    ("name", "written"),
    [("train_dvae", "Train dVAE"), ("screen_captions", "Screen captions"), ("psnr", "PSNR"), ("sample", "Sample")],
)
def test_names_are_spelled_out(name, written):
    assert words.name_words(name) == written


@pytest.mark.parametrize(
    ("unit", "value", "interval"),
    [
        (SHARE, "50%", "25\N{EN DASH}75%"),
        ("dB", "0.5 dB", "0.25\N{EN DASH}0.75 dB"),
        ("", "0.5", "0.25\N{EN DASH}0.75"),
    ],
)
def test_a_figure_is_written_with_its_unit(unit, value, interval):
    estimate = Estimate(value=0.5, low=0.25, high=0.75, n=4, unit=unit)
    assert (words.quantity(estimate.value, unit), words.interval(estimate)) == (value, interval)
