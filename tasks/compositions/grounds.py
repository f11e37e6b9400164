"""The grounds of composed pictures: colours with plain names, and patterns of them with white."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from tasks.compositions.scene import Pattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RGB = tuple[int, int, int]
Picture: TypeAlias = "NDArray[np.uint8]"

# All far from each other and from white, which the patterns are made with. The first ten are those of seed 0.
COLOURS: Mapping[str, RGB] = MappingProxyType({
    "red": (222, 58, 62), "orange": (247, 140, 40), "yellow": (255, 205, 45), "green": (64, 168, 84),
    "blue": (58, 120, 230), "purple": (136, 78, 200), "pink": (248, 150, 195), "brown": (138, 92, 62),
    "grey": (158, 163, 172), "black": (38, 38, 44),
    "turquoise": (50, 196, 196), "navy": (28, 44, 112), "olive": (128, 128, 38), "maroon": (118, 22, 52),
    "lime": (176, 224, 50), "lavender": (190, 176, 246), "tan": (218, 182, 138), "magenta": (214, 40, 160),
})  # fmt: skip

WHITENESS = 0.85  # of the white in a pattern: less glaring than white itself
FAMILIAR_COLOURS = 10  # of the colours: those of seed 0, which other seeds draw last
STRIPES = 9  # of both tones, from side to side
CELLS = 8  # of dots and checks, along a side


@lru_cache(maxsize=128)
def ground(colour: str, pattern: Pattern, side_px: int) -> Picture:
    """A ground as uint8 RGB [side_px, side_px, 3], to be copied and not changed.

    Raises:
        KeyError: there is no such colour.
    """
    import numpy as np

    tone = np.array(COLOURS[colour], np.float64)
    white = tone + (255 - tone) * WHITENESS
    inked = _inked(pattern, side_px)[..., None]
    picture = np.rint(tone + (white - tone) * inked).astype(np.uint8)
    picture.flags.writeable = False
    return picture


def _inked(pattern: Pattern, side_px: int) -> "NDArray[np.float64]":
    """How white each pixel is, from 0 to 1, with soft edges [side_px, side_px]."""
    import numpy as np

    if pattern == "plain":
        return np.zeros((side_px, side_px))
    along = (np.arange(side_px) + 0.5) / side_px
    x, y = np.meshgrid(along, along)
    if pattern == "stripes":
        return _soft(np.cos(np.pi * STRIPES * x) * -1, side_px / STRIPES)
    if pattern == "checks":
        return _soft(np.sin(np.pi * CELLS * x) * np.sin(np.pi * CELLS * y) * -1, side_px / CELLS)
    # Dots in every other cell, so that neighbouring rows are shifted by half a step.
    u, v = CELLS * x, CELLS * y
    odd = (np.floor(u) + np.floor(v)) % 2
    radius = np.hypot(u % 1 - 0.5, v % 1 - 0.5)
    return odd * np.clip((0.36 - radius) * side_px / CELLS + 0.5, 0, 1)


def _soft(wave: "NDArray[np.float64]", period_px: float) -> "NDArray[np.float64]":
    """0 where a wave of -1 to 1 is negative, 1 where it is positive, in between within a pixel of its zeros."""
    import numpy as np

    return np.clip(wave * period_px / np.pi + 0.5, 0, 1)
