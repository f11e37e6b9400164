"""Charts: text and colours the page decides on, honest thinning, nothing drawn from nothing."""

import re
import xml.etree.ElementTree as ET

import pytest

from tasks.evaluate.quantities import SHARE, Baseline, Curve, Estimate, Histogram, Line
from tasks.report.charts import MOST_POINTS, curve, histogram, whiskers


def line(y, x=None, name="loss", **values) -> Line:
    return Line(name=name, x=tuple(range(len(y)) if x is None else x), y=tuple(y), **values)


def drawn(*lines: Line, name: str = "chart", **values) -> str:
    return curve(name, "Loss", Curve(x_name="step", lines=lines, **values))


HITS = {
    "best": Estimate(value=0.8, low=0.6, high=0.9, n=10, unit=SHARE),
    "gain": Estimate(value=-0.1, low=-0.2, high=0, n=10, unit=SHARE),
}
SCORES = Histogram(x_name="score", edges=(0, 1, 2), counts={"all": (3, 1), "best": (0, 1), "none": (0, 0)})
ALL = {
    "curve": lambda name: drawn(line([1, 2]), line([2, 1], name="other"), name=name, baselines={"chance": 1.5}),
    "band": lambda name: drawn(line([1, 2], low=(0, 1), high=(2, 3)), name=name, unit=SHARE, from_zero=True),
    "logarithmic": lambda name: drawn(line([8, 1, 0], x=(1, 2, 4)), name=name, log_x=True, log_y=True),
    "histogram": lambda name: histogram(name, "Scores", SCORES),
    "whiskers": lambda name: whiskers(name, "Hits", HITS, {"chance": Baseline(value=0.1, unit=SHARE)}),
}


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL)
def test_a_chart_is_one_well_formed_picture_with_a_title(draw):
    svg = ET.fromstring(draw("chart"))
    assert (svg.tag, svg.get("role")) == ("svg", "img")
    assert svg[0].tag == "title"
    assert svg[0].text


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL)
def test_every_colour_is_the_pages(draw):
    assert not re.search(r"#[0-9a-f]{6}\b|rgb\(|<style|font-family", draw("chart"))
    assert "var(--a)" in draw("chart")


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL)
def test_equal_charts_are_equal_but_for_their_names(draw):
    assert draw("one") == draw("one")
    ids = [set(re.findall(r'\bid="([^"]+)"', draw(name))) for name in ("one", "two")]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL)
def test_every_reference_inside_a_chart_is_met(draw):
    text = draw("chart")
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)) <= {(i, "") for i in ids} | {("", i) for i in ids}


def test_text_is_text():
    svg = ET.fromstring(whiskers("chart", "Hits", HITS, {"chance": Baseline(value=0.1, unit=SHARE)}))
    written = {element.text for element in svg.iter("text")}
    assert {"best", "80%", "gain", "-10%", "chance", "100%"} <= written


def test_a_long_curve_is_thinned_by_means():
    svg = drawn(line([i % 2 for i in range(20 * MOST_POINTS)]), line([0, 1], name="to 1"))
    path, _legend = re.findall(r'd="([^"]+)" style="fill: none; stroke: var\(--a\); stroke-width: 1.8', svg)
    assert len({point.split()[-1] for point in path.split("L")}) == 1


def test_a_point_beside_a_line_can_be_drawn():
    assert "held-out" in drawn(line([20.0], x=[5], name="held-out"), line([1, 2]))


def test_nothing_is_drawn_from_nothing():
    assert drawn() == drawn(line([])) == drawn(line([1.0])) == ""
    assert histogram("chart", "Scores", Histogram(x_name="x", edges=(0, 1), counts={"none": (0,)})) == ""
    assert whiskers("chart", "Hits", {}) == ""


def test_names_are_escaped():
    assert "<b>" not in curve("chart", "<b>", Curve(x_name="<b>", lines=(line([0, 1], name="<b>"),)))
