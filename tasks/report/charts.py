"""Curves, histograms and whisker plots, drawn by matplotlib."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from markupsafe import Markup

from tasks.evaluate.quantities import SHARE, Baseline, Curve, Estimate, Histogram, Line
from tasks.report import svg, words
from tasks.report.svg import DASHES, LABEL, SERIES, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import FuncFormatter

MOST_POINTS = 300
DOTS_BELOW = 40  # a line of fewer points shows each of them


def curve(name: str, title: str, drawn: Curve) -> Markup:
    """A line chart; empty where no line has two points.

    Args:
        name: unique on the page.
    """
    lines = [_thinned(line) for line in drawn.lines if line.x]
    if max((len(line.x) for line in lines), default=0) < 2:
        return Markup("")
    with svg.blank(2.5, len(lines) + len(drawn.baselines)) as figure:
        axes = figure.add_subplot()
        for line, colour in zip(lines, cycle(SERIES), strict=False):
            marker = "o" if len(line.x) < DOTS_BELOW else ""
            axes.plot(
                line.x,
                line.y,
                color=colour,
                linewidth=1.8,
                marker=marker,
                markersize=3.5,
                label=line.name,
                clip_on=False,
            )
            if line.low:
                axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.12, linewidth=0)
        _draw_baselines(axes, drawn.baselines)
        _scale(axes, drawn, lines)
        axes.set_xlabel(drawn.x_name)
        return svg.element(figure, name, title)


def histogram(name: str, title: str, drawn: Histogram) -> Markup:
    """Overlaid histograms as shares of their own totals; empty where nothing was counted."""
    counted = {label: counts for label, counts in drawn.counts.items() if sum(counts)}
    if not counted:
        return Markup("")
    with svg.blank(2.5, len(counted)) as figure:
        axes = figure.add_subplot()
        for (label, counts), colour in zip(counted.items(), cycle(SERIES), strict=False):
            shares = [count / sum(counts) for count in counts]
            axes.stairs(shares, drawn.edges, fill=True, color=colour, alpha=0.2)
            axes.stairs(shares, drawn.edges, color=colour, linewidth=1.4, label=label)
        if drawn.log_x:
            _halve(axes, drawn.edges)
        axes.set_xlim(drawn.edges[0], drawn.edges[-1])
        axes.yaxis.set_major_formatter(_written(SHARE))
        axes.xaxis.set_major_formatter(_written())
        axes.set_xlabel(drawn.x_name)
        return svg.element(figure, name, title)


def whiskers(
    name: str, title: str, estimates: Mapping[str, Estimate], levels: Mapping[str, Baseline] | None = None
) -> Markup:
    """Estimates of one unit with their 95 % intervals, one row each, on a common scale from zero."""
    if not estimates:
        return Markup("")
    rows = list(estimates.values())
    unit = rows[0].unit
    with svg.blank(0.45 + 0.5 * len(rows), len(levels or {})) as figure:
        axes = figure.add_subplot()
        for place, (label, row, colour) in enumerate(zip(estimates, rows, cycle(SERIES), strict=False)):
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=5, alpha=0.35, clip_on=False)
            axes.plot([row.value], [place], color=colour, linestyle="", marker="o", markersize=7.5, clip_on=False)
            above = LABEL | {"y": place - 0.4, "transform": axes.get_yaxis_transform()}
            axes.text(x=0, s=label, **above)
            axes.text(x=1, s=words.quantity(row.value, unit), horizontalalignment="right", weight="bold", **above)
        for label, level in (levels or {}).items():
            axes.axvline(level.value, color=SOFT, linewidth=1.2, linestyle=DASHES, label=label)
        axes.set_ylim(len(rows) - 0.65, -0.7)
        axes.set_yticks([])
        axes.set_xlim(min(0.0, *(row.low for row in rows)), _rightmost(rows, levels or {}))
        axes.locator_params("x", nbins=4)
        axes.xaxis.set_major_formatter(_written(unit))
        axes.grid(axis="x")
        return svg.element(figure, name, title)


def _halve(axes: "Axes", edges: Sequence[float]) -> None:
    """A logarithmic axis with at most six ticks, all powers of two."""
    from matplotlib.ticker import NullLocator

    low, high = math.ceil(math.log2(edges[0])), math.floor(math.log2(edges[-1]))
    axes.set_xscale("log", base=2)
    apart = 1 + (high - low) // 6
    axes.set_xticks([2.0**power for power in range(low, high + 1) if power % apart == 0])
    axes.xaxis.set_minor_locator(NullLocator())


def _rightmost(rows: Sequence[Estimate], levels: Mapping[str, Baseline]) -> float:
    if rows[0].unit == SHARE:
        return 1.0
    return 1.05 * max([0.0, *(row.high for row in rows), *(level.value for level in levels.values())]) or 1.0


def _draw_baselines(axes: "Axes", levels: Mapping[str, float]) -> None:
    for label, y in levels.items():
        axes.axhline(y, color=SOFT, linewidth=1.2, linestyle=DASHES, label=label)


def _scale(axes: "Axes", drawn: Curve, lines: Sequence[Line]) -> None:
    from matplotlib.ticker import NullLocator

    if drawn.log_x:
        axes.set_xscale("log", base=2)
        axes.set_xticks(lines[0].x)
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(min(line.x[0] for line in lines), max(line.x[-1] for line in lines))
        axes.locator_params("x", nbins=5)
    if drawn.log_y:
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.locator_params("y", nbins=5)
    if drawn.from_zero:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(_written())
    axes.yaxis.set_major_formatter(_written(drawn.unit))


def _written(unit: str = "") -> "FuncFormatter":
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: words.percent(value) if unit == SHARE else words.number(value))


def _thinned(line: Line) -> Line:
    """At most MOST_POINTS points: means of neighbours, so that noise does not depend on which ones are kept."""
    group = math.ceil(len(line.x) / MOST_POINTS)
    if group <= 1:
        return line

    def means(values: Sequence[float]) -> tuple[float, ...]:
        parts = [values[i : i + group] for i in range(0, len(values), group)]
        return tuple(sum(part) / len(part) for part in parts)

    return Line(name=line.name, x=means(line.x), y=means(line.y), low=means(line.low), high=means(line.high))
