"""Charts: round ticks, honest thinning, nothing drawn from nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report import words
from tasks.report.charts import MOST_POINTS, Level, Series, code_usage, histogram, lines, nice_ticks
from tasks.report.plots import whiskers


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.25, 0.5, 0.75, 1]), (0, 2000, [0, 500, 1000, 1500, 2000]), (3, 3, [3, 4, 5, 6])],
)
def test_ticks_are_round(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_there_are_always_a_few_ticks(low, width):
    assert 1 <= len(nice_ticks(low, low + width)) <= 7


def test_a_long_curve_is_thinned_by_means():
    drawn = lines([Series("loss", range(3000), [i % 2 for i in range(3000)])], "step")
    points = re.search(r'points="([^"]+)"', drawn)[1].split()
    assert len(points) == MOST_POINTS
    assert len({point.split(",")[1] for point in points}) == 1


def test_a_point_beside_a_line_and_equal_values_can_be_drawn():
    assert lines([Series("psnr", [5], [20.0], dots=True), Series("b", [0, 5], [1, 2])], "step").count("polyline") == 2
    assert "polyline" in lines([Series("flat", [0, 1], [2.0, 2.0])], "step", levels=[Level("chance", 2.0)])


def test_nothing_is_drawn_from_nothing():
    assert lines([Series("loss", [], [])], "step") == ""
    assert lines([Series("alone", [7], [1.0])], "step") == ""
    assert histogram([0, 1], [("none", "a", [0])], "x") == ""
    assert code_usage([0, 0]) == code_usage([]) == ""
    assert whiskers([]) == ""


def test_unused_codes_leave_their_place_empty():
    drawn = code_usage([0, 8, 0, 1])
    assert re.search(r'class="bars a" d="([^"]+)"', drawn)[1].count("M") == 2


def test_names_are_escaped():
    assert "<b>" not in lines([Series("<b>", [0, 1], [0, 1])], "<b>")


@pytest.mark.parametrize(
    ("share", "written"),
    [(None, words.NOTHING), (0, "0%"), (0.004, "0.4%"), (0.784, "78%"), (0.995, "99.5%"), (1, "100%")],
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
