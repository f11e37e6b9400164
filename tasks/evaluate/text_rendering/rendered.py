"""Pictures with words set in type: what the best drawing of a prompt could look like to the OCR."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
# Of the letters and of the ground.
INKS: tuple[tuple[Colour, Colour], ...] = (
    ((0, 0, 0), (255, 255, 255)),
    ((255, 255, 255), (20, 60, 140)),
    ((150, 20, 20), (250, 235, 190)),
)
FILLED = 0.9  # of the side, by the longest line or by all lines together


def renderings(words: str, side_px: int) -> Iterator[NDArray[np.uint8]]:
    """The words in each of the colours, RGB [side, side, 3]: as large as fits, a word a line, in Pillow's own font."""
    from PIL import Image, ImageDraw, ImageFont

    text = "\n".join(words.split())
    size = _largest(text, FILLED * side_px)
    for ink, ground in INKS:
        image = Image.new("RGB", (side_px, side_px), ground)
        middle = (side_px / 2, side_px / 2)
        font = ImageFont.load_default(size)
        ImageDraw.Draw(image).multiline_text(middle, text, ink, font, anchor="mm", align="center")
        yield np.asarray(image, np.uint8)


def _largest(text: str, room_px: float) -> int:
    """The largest font size, in pixels, at which the text is no wider and no higher than that."""
    from PIL import Image, ImageDraw, ImageFont

    draw = ImageDraw.Draw(Image.new("L", (1, 1)))

    def fits(size: int) -> bool:
        left, top, right, bottom = draw.multiline_textbbox((0, 0), text, ImageFont.load_default(size))
        return right - left <= room_px and bottom - top <= room_px

    return max((size for size in range(4, int(room_px) + 1) if fits(size)), default=4)
