"""Charts as HTML around stretched SVG: shapes scale with the page, words and line widths do not, colours follow CSS."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tasks.report import words

MOST_POINTS = 300
_BOX = 1000.0


@dataclass(frozen=True)
class Series:
    """One line or histogram. `style` names a colour of the page: a, b, c, d; `+ " thin"` draws it faint."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    style: str = "a"
    dots: bool = False


@dataclass(frozen=True)
class Level:
    """A dashed level to compare with, such as chance."""

    name: str
    y: float


def lines(
    series: Sequence[Series],
    x_name: str,
    levels: Sequence[Level] = (),
    from_zero: bool = False,
    percent: bool = False,
    last: bool = False,
    x_ticks: Sequence[tuple[str, float]] | None = None,
) -> Markup:
    """A line chart; empty where there is nothing to draw: a lone point is no line.

    Args:
        last: write the last value of each series beside its name.
    """
    ends = {each.name: words.number(each.ys[-1]) for each in series if last and len(each.ys)}
    series = [_thinned(each) for each in series if len(each.xs)]
    if max((len(each.xs) for each in series), default=0) < 2:
        return Markup("")
    xs = [x for each in series for x in each.xs]
    ys = [y for each in series for y in each.ys] + [level.y for level in levels]
    y_ticks = nice_ticks(0.0 if from_zero else min(ys), max(ys))
    bottom, top = min(*ys, y_ticks[0]) if not from_zero else 0.0, max(*ys, y_ticks[-1])
    left, right = min(xs), max(max(xs), min(xs) + 1e-9)

    def place(x: float, y: float) -> str:
        return f"{_BOX * (x - left) / (right - left):.1f},{_BOX * (1 - (y - bottom) / (top - bottom)):.1f}"

    shapes = [_grid(y_ticks, bottom, top)]
    shapes += [_level(place(left, level.y), place(right, level.y)) for level in levels]
    for each in series:
        points = [place(x, y) for x, y in zip(each.xs, each.ys, strict=True)]
        shapes.append(Markup('<polyline class="line {}" points="{}"/>').format(each.style, " ".join(points)))
        if each.dots:
            path = "".join(f"M{point}h0" for point in points)
            shapes.append(Markup('<path class="dots {}" d="{}"/>').format(each.style, path))
    round_x = [(words.number(t), t) for t in nice_ticks(left, right, 5) if left <= t <= right]
    y_labels = [(words.percent(t) if percent else words.number(t), (t - bottom) / (top - bottom)) for t in y_ticks]
    x_labels = [(name, (t - left) / (right - left)) for name, t in x_ticks or round_x]
    keys = [(f"{each.name} {ends.get(each.name, '')}".rstrip(), each.style) for each in series]
    return _framed(shapes, x_labels, y_labels, x_name, keys + [(level.name, "level") for level in levels])


def histogram(edges: Sequence[float], series: Sequence[tuple[str, str, Sequence[float]]], x_name: str) -> Markup:
    """Overlaid histograms as steps; each is (name, style, counts) and is shown as shares of its own total."""
    shares = [(name, style, [c / sum(counts) for c in counts]) for name, style, counts in series if sum(counts)]
    if not shares:
        return Markup("")
    top = max(max(values) for _, _, values in shares) * 1.05
    left, right = edges[0], edges[-1]

    def across(x: float) -> float:
        return _BOX * (x - left) / ((right - left) or 1.0)

    shapes = [_grid(nice_ticks(0, top, 3), 0, top)]
    for _, style, values in shares:
        steps = [f"{across(left):.1f},{_BOX}"]
        for i, value in enumerate(values):
            y = _BOX * (1 - value / top)
            steps += [f"{across(edges[i]):.1f},{y:.1f}", f"{across(edges[i + 1]):.1f},{y:.1f}"]
        steps.append(f"{across(right):.1f},{_BOX}")
        shapes.append(Markup('<polygon class="steps {}" points="{}"/>').format(style, " ".join(steps)))
    y_labels = [(words.percent(t), t / top) for t in nice_ticks(0, top, 3)]
    x_labels = [(words.number(t), across(t) / _BOX) for t in nice_ticks(left, right, 5) if left <= t <= right]
    return _framed(shapes, x_labels, y_labels, x_name, [(name, style) for name, style, _ in shares])


def code_usage(counts: Sequence[int]) -> Markup:
    """Bars of all codes, most used first, on a logarithmic scale; unused codes leave their place empty."""
    ordered = sorted(counts, reverse=True)
    total = sum(ordered)
    if not total:
        return Markup("")
    per_bar = math.ceil(len(ordered) / 512)
    heights = [max(ordered[i : i + per_bar]) for i in range(0, len(ordered), per_bar)]
    decades = max(1.0, math.ceil(math.log10(heights[0] + 1)))
    width = _BOX / len(heights)

    def up(value: float) -> float:
        return math.log10(value + 1) / decades

    bars = "".join(
        f"M{i * width:.2f},{_BOX}V{_BOX * (1 - up(h)):.1f}h{width * 0.999:.2f}V{_BOX}z"
        for i, h in enumerate(heights)
        if h
    )
    even = total / len(ordered)
    ticks = [10.0**d for d in range(int(decades) + 1)]
    shapes = [
        Markup("").join(_rule(up(t)) for t in ticks),
        Markup('<path class="bars a" d="{}"/>').format(bars),
        _level(f"0,{_BOX * (1 - up(even)):.1f}", f"{_BOX},{_BOX * (1 - up(even)):.1f}"),
    ]
    y_labels = [(words.count(t), up(t)) for t in ticks]
    x_labels = [(words.count(t), t / len(ordered)) for t in nice_ticks(0, len(ordered), 4) if t <= len(ordered)]
    keys = [("uses of a code (logarithmic)", "a"), ("if all were used equally", "level")]
    return _framed(shapes, x_labels, y_labels, "codes, most used first", keys)


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from around `low` to around `high`."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)] or [low, high]


def _thinned(series: Series) -> Series:
    """At most MOST_POINTS points: means of neighbours, so that noise does not depend on which ones are kept."""
    group = math.ceil(len(series.xs) / MOST_POINTS)
    if group <= 1:
        return series
    starts = range(0, len(series.xs), group)

    def means(values: Sequence[float]) -> list[float]:
        return [sum(part) / len(part) for i in starts if (part := values[i : i + group])]

    return Series(series.name, means(series.xs), means(series.ys), series.style, series.dots)


def _rule(height: float) -> Markup:
    return Markup('<path class="grid" d="M0,{0}H{1}"/>').format(f"{_BOX * (1 - height):.1f}", _BOX)


def _grid(ticks: Sequence[float], bottom: float, top: float) -> Markup:
    return Markup("").join(_rule((t - bottom) / (top - bottom)) for t in ticks)


def _level(start: str, end: str) -> Markup:
    return Markup('<path class="level" d="M{}L{}"/>').format(start, end)


def _framed(
    shapes: Sequence[Markup],
    x_labels: Sequence[tuple[str, float]],
    y_labels: Sequence[tuple[str, float]],
    x_name: str,
    keys: Sequence[tuple[str, str]],
) -> Markup:
    ys = Markup("").join(
        Markup('<i style="bottom:{}%">{}</i>').format(f"{100 * at:.2f}", name) for name, at in y_labels
    )
    xs = Markup("").join(Markup('<i style="left:{}%">{}</i>').format(f"{100 * at:.2f}", name) for name, at in x_labels)
    legend = Markup("").join(Markup('<span class="{}">{}</span>').format(style, name) for name, style in keys)
    return Markup(
        '<div class="chart"><div class="legend">{}</div><div class="frame"><div class="ys">{}</div>'
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
        '<div class="xs">{}</div></div><div class="x-name">{}</div></div>'
    ).format(legend, ys, Markup("").join(shapes), xs, x_name)
