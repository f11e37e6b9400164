"""Heat maps: one colour of the page, stronger for larger values, so that they follow light and dark."""

import base64
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from tasks.evaluate.quantities import HeatMap
from tasks.report import words

WIDTH = 346  # of all plots of the page, in points
PLACE = 208  # side of a picture's grid
ROW = 22
LETTER = 6.8  # width, on average, at the font's size
PALEST = 0.06  # of the colour: the smallest value is still told from the paper


def heatmap(name: str, title: str, grid: HeatMap) -> Markup:
    """A grid as inline SVG; empty where it has no values.

    The values are an 8-bit picture of a byte a cell, through which the colour is seen.

    Args:
        name: unique on the page.
        title: what a screen reader says of it, beside where the largest and smallest values are.
    """
    values = np.array(grid.rows, dtype=np.float64)
    if not values.size:
        return Markup("")
    rows, columns = values.shape
    left, top = (_room(names) for names in (grid.row_names, grid.column_names))
    width = WIDTH - left if grid.column_names else float(PLACE)
    height = ROW * rows if grid.row_names else width * rows / columns
    parts = [_cells(name, values, left, top, width, height), _legend(grid, values, left, top + height + 16)]
    parts += [_row_name(text, left, top + height * (i + 0.5) / rows) for i, text in enumerate(grid.row_names)]
    parts += [_column_name(text, left + width * (i + 0.5) / columns, top) for i, text in enumerate(grid.column_names)]
    head = Markup('<svg class="chart" role="img" viewBox="0 0 {} {:.0f}"><title>{}: {}</title>').format(
        WIDTH, top + height + 24, title, _told(grid, values)
    )
    inner = Markup('<g class="heat" fill="var(--soft)" font-size="11">') + Markup("").join(parts)
    return head + inner + Markup("</g></svg>")


def _room(names: Sequence[str]) -> float:
    """What the longest of the names takes, in points."""
    return 8 + LETTER * max(map(len, names)) if names else 0.0


def _cells(name: str, values: NDArray[np.float64], left: float, top: float, width: float, height: float) -> Markup:
    low, high = float(values.min()), float(values.max())
    share = PALEST + (1 - PALEST) * (values - low) / max(high - low, 1e-300)
    place = Markup('x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"').format(left, top, width, height)
    return Markup(
        '<mask id="{0}-m"><image {1} preserveAspectRatio="none" style="image-rendering:pixelated" href="{2}"/></mask>'
        '<rect {1} fill="var(--a)" mask="url(#{0}-m)"/>'
    ).format(name, place, _png((255 * share).round().astype(np.uint8)))


def _legend(grid: HeatMap, values: NDArray[np.float64], left: float, y: float) -> Markup:
    ends = (words.quantity(float(value), grid.unit) for value in (values.min(), values.max()))
    return Markup('<text x="{:.1f}" y="{:.1f}">pale: {}, strong: {}</text>').format(left, y, *ends)


def _row_name(text: str, left: float, y: float) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="end" dominant-baseline="central">{}</text>').format(
        left - 4, y, text
    )


def _column_name(text: str, x: float, top: float) -> Markup:
    return Markup(
        '<text transform="translate({:.1f} {:.1f}) rotate(-90)" dominant-baseline="central">{}</text>'
    ).format(x, top - 4, text)


def _told(grid: HeatMap, values: NDArray[np.float64]) -> str:
    """Where the largest and the smallest value are, in words."""
    told = []
    for kind, place in (("largest", int(values.argmax())), ("smallest", int(values.argmin()))):
        row, column = divmod(place, values.shape[1])
        across = grid.column_names[column] if grid.column_names else f"column {column + 1}"
        down = grid.row_names[row] if grid.row_names else f"row {row + 1}"
        told.append(f"{kind} {words.quantity(float(values[row, column]), grid.unit)} at {down}, {across}")
    return "; ".join(told)


def _png(values: NDArray[np.uint8]) -> str:
    """A data URI of grey levels [rows, columns]."""
    import cv2

    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", values)[1].tobytes()).decode()
