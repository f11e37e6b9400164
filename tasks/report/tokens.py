"""The codes of one picture, drawn as a grid: what the prior learns to write in place of pixels."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from models.training.images import centre_crop, decode
from tasks.report.gallery import Rebuilt

CELL = 10  # units of the drawing
DIGIT_EM = 0.62  # width of a digit


def code_grid(rebuilt: Rebuilt) -> Markup:
    """An inline SVG: each code in the mean colour of what is decoded around it, with its number."""
    side = math.isqrt(len(rebuilt.codes))
    colours = centre_crop(decode(rebuilt.reconstruction), side)
    size = min(0.45 * CELL, 0.9 * CELL / (DIGIT_EM * len(str(rebuilt.codes.max()))))
    different = len(set(rebuilt.codes.tolist()))
    head = Markup(
        '<svg class="codes" role="img" viewBox="0 0 {0} {0}" font-size="{1:.2f}" aria-label="{2} by {2} codes, {3} of '
        'them different">'
    ).format(CELL * side, size, side, different)
    return head + Markup("").join(_cells(rebuilt.codes.reshape(side, side), colours)) + Markup("</svg>")


def _cells(codes: NDArray[np.uint16], colours: NDArray[np.uint8]) -> Iterator[Markup]:
    uses = Counter(codes.ravel().tolist())
    for (row, column), code in np.ndenumerate(codes):
        colour = colours[row, column]
        yield Markup(
            '<g><title>code {code}, {uses} here</title><path fill="#{red:02x}{green:02x}{blue:02x}" '
            'd="M{x} {y}h{cell}v{cell}h-{cell}z"/><text x="{middle}" y="{base}"{ink}>{code}</text></g>'
        ).format(
            code=code,
            uses=uses[int(code)],
            red=colour[0],
            green=colour[1],
            blue=colour[2],
            cell=CELL,
            x=CELL * column,
            y=CELL * row,
            middle=CELL * column + CELL // 2,
            base=CELL * row + 0.65 * CELL,
            ink=Markup("") if is_bright(colour) else Markup(' fill="#fff"'),
        )


def is_bright(colour: NDArray[np.uint8]) -> bool:
    """Whether black stands out from a colour more than white does (WCAG 2.2, relative luminance)."""
    parts = colour / 255.0
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return bool(linear @ (0.2126, 0.7152, 0.0722) > 0.179)  # where both contrasts are equal
