"""Reads the ground of a composed picture: its colour and pattern, from the frame that things leave free."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.compositions.scene import PATTERNS, Pattern, Scene

SIDE_PX = 48
FRAME = 0.14  # of the side: things in the middle leave this much free on each side
WHITE = 255.0
TOLERANCE = 60.0  # RGB distance of a pixel to its ground at which it counts for nothing
CLEAR = 0.6  # mean cost, of 1 at most, up to which a ground is taken to be seen

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]
Ground = tuple[str, Pattern]  # colour and pattern


@dataclass(frozen=True)
class Grounds:
    """All grounds that are known, as the pixels of the frame.

    Attributes:
        names: colour and pattern of each.
        pixels: [g, p, 3], the p pixels of the frame.
    """

    names: tuple[Ground, ...]
    pixels: Values

    def tones(self) -> dict[str, NDArray[np.float32]]:
        """The colour of each plain ground, in grey levels."""
        plain = zip(self.names, self.pixels, strict=True)
        return {colour: pixels[0] for (colour, pattern), pixels in plain if pattern == "plain"}

    def read(self, pictures: Pixels) -> list[Ground | None]:
        """The best-fitting ground of each picture [n, side, side, 3]; None where none fits."""
        seen = frames(pictures)
        costs = np.stack([_cost(seen, ground) for ground in self.pixels], 1)
        best = costs.argmin(1)
        return [self.names[g] if costs[i, g] <= CLEAR else None for i, g in enumerate(best)]


def fit_grounds(pictures: Pixels, scenes: Sequence[Scene]) -> Grounds:
    """Learns the tone of each colour, and how white each pattern is where, from pictures with known scenes.

    A pattern is learned over all colours, so that one that is shown on some colours is known on all of them.
    """
    seen = frames(pictures)
    plain = {c: [i for i, s in enumerate(scenes) if (s.colour, s.pattern) == (c, "plain")] for c in _colours(scenes)}
    tones = {colour: np.median(seen[rows], (0, 1)) for colour, rows in plain.items() if rows}
    whiteness = {pattern: _whiteness(seen, scenes, tones, pattern) for pattern in PATTERNS[1:]}
    names: list[Ground] = []
    pixels = []
    for colour, tone in tones.items():
        for pattern, white in {"plain": np.zeros(seen.shape[1]), **whiteness}.items():
            if white is not None:
                names.append((colour, pattern))
                pixels.append(tone + white[:, None] * (WHITE - tone))
    return Grounds(tuple(names), np.stack(pixels).astype(np.float32))


def frames(pictures: Pixels) -> Values:
    """The pixels of each picture's frame, scaled to 48 px: [n, p, 3]."""
    import cv2

    along = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    edge = np.minimum(along, 1 - along) < FRAME
    inside = edge[:, None] | edge[None]
    small = [cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(small).astype(np.float32)[:, inside]


def _colours(scenes: Sequence[Scene]) -> list[str]:
    return sorted({scene.colour for scene in scenes if scene.colour is not None})


def _whiteness(
    seen: Values, scenes: Sequence[Scene], tones: Mapping[str, Values], pattern: Pattern
) -> NDArray[np.float64] | None:
    """How far each pixel lies from the colour towards white: the median over the pictures; None without any."""
    found = []
    for pixels, scene in zip(seen, scenes, strict=True):
        tone = tones.get(scene.colour or "")
        if scene.pattern == pattern and tone is not None:
            way = WHITE - tone
            found.append((pixels - tone) @ way / (way @ way))
    return np.median(found, 0).clip(0, 1) if found else None


def _cost(seen: Values, ground: Values) -> Values:
    """Mean over the frame of squared distances in units of the tolerance, each 1 at most: [n]."""
    squared = ((seen - ground) ** 2).sum(2) / TOLERANCE**2
    return np.minimum(squared, 1).mean(1)
