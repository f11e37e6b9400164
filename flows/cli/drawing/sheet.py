"""Pictures on a contact sheet, large enough to look at: under each prompt its pictures with their ranks and scores."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

LEAST_SIDE = 160  # smaller pictures are enlarged by a whole factor to at least this, pixels
COLUMNS = 8
LEAST_WIDTH = 640  # of the sheet, for its headings
GAP, CAPTION, TITLE, NOTE = 12, 22, 26, 20  # pixels; the last three are heights of a line
RANK = 32  # pixels from the left of a picture to its score
INK, SOFT, PAPER = "#17181c", "#5a5e67", "#ffffff"
MOST_TITLE_LINES = 4
NO_LETTERS = "Last Resort"  # a font that has a box for every letter there is


@dataclass(frozen=True)
class ScoredPicture:
    """A picture as PNG bytes, and its score by the ranker."""

    png: bytes
    score: float


@dataclass(frozen=True)
class Strip:
    """The pictures of one prompt, best first, under the prompt and a note; at least one picture."""

    prompt: str
    note: str
    pictures: Sequence[ScoredPicture]


def contact_sheet(strips: Sequence[Strip]) -> bytes:
    """The sheet as PNG: the strips one below the other, each with its pictures row by row.

    Args:
        strips: at least one.
    """
    from PIL import Image, ImageDraw

    laid = [_LaidStrip(strip) for strip in strips]
    across = max(LEAST_WIDTH, *(strip.width for strip in laid))
    sheet = Image.new("RGB", (across, sum(strip.height(across) for strip in laid)), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = 0
    for strip in laid:
        strip.paint(sheet, draw, top)
        top += strip.height(across)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


class _LaidStrip:
    """A strip with the sizes of its parts, pixels."""

    def __init__(self, strip: Strip) -> None:
        self.strip = strip
        self.images = [_enlarged(picture.png) for picture in strip.pictures]
        self.columns = min(COLUMNS, len(self.images))
        self.cell = (self.images[0].width + GAP, self.images[0].height + CAPTION + GAP)
        self.width = GAP + self.columns * self.cell[0]
        self.text, self.face = writable(" ".join(strip.prompt.split()), installed_fonts())

    def height(self, across: int) -> int:
        rows = -(-len(self.images) // self.columns)
        return self._above(across) + rows * self.cell[1]

    def paint(self, sheet: "Image", draw: "ImageDraw", top: int) -> None:
        plain = installed_fonts()[0]
        for place, line in enumerate(_lines(self.text, self.face, sheet.width)):
            draw.text((GAP, top + GAP + TITLE * place), line, INK, _font(self.face, 19))
        below = top + self._above(sheet.width)
        draw.text((GAP, below - NOTE - GAP), self.strip.note, SOFT, _font(plain, 14))
        for rank, (picture, image) in enumerate(zip(self.strip.pictures, self.images, strict=True)):
            x, y = GAP + rank % self.columns * self.cell[0], below + rank // self.columns * self.cell[1]
            sheet.paste(image, (x, y))
            draw.text((x, y + image.height + 3), f"{rank + 1}.", INK, _font(plain, 14))
            draw.text((x + RANK, y + image.height + 3), f"score {picture.score:.3f}", SOFT, _font(plain, 14))

    def _above(self, across: int) -> int:
        """Height of the prompt and the note."""
        return GAP + TITLE * len(_lines(self.text, self.face, across)) + NOTE + GAP


def _enlarged(png: bytes) -> "Image":
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    factor = -(-LEAST_SIDE // min(image.size))
    return (
        image if factor <= 1 else image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
    )


def _lines(text: str, face: str, across: int) -> list[str]:
    """The text in as many characters a line as fit, four lines at most."""
    letter = _font(face, 19).getlength(text) / len(text)
    return textwrap.wrap(text, max(8, int((across - 2 * GAP) / letter)), max_lines=MOST_TITLE_LINES, placeholder=" …")


def writable(text: str, faces: Sequence[str]) -> tuple[str, str]:
    """The text as it can be written, and the file of the font to write it with.

    That is the first font that has all its letters. If none has, letters that the first font lacks are escaped, such
    as \\u8d64, because a font shows the same box for all of them.
    """
    letters = {ord(letter) for letter in text if not letter.isspace()}
    for face in faces:
        if letters <= _letters(face):
            return text, face
    known = _letters(faces[0])
    return "".join(a if a.isspace() or ord(a) in known else ascii(a)[1:-1] for a in text), faces[0]


@cache
def installed_fonts() -> tuple[str, ...]:
    """Files of fonts: DejaVu Sans, which matplotlib brings, and behind it the others of this machine, plain ones first.

    DejaVu Sans has Greek and Cyrillic too, unlike Pillow's own, but no Chinese, Japanese or Korean.
    """
    from matplotlib import font_manager, get_data_path

    found = sorted(
        (entry.style != "normal", entry.weight != 400, entry.fname)
        for entry in font_manager.fontManager.ttflist
        if not entry.name.startswith(NO_LETTERS)
    )
    return str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), *(face for _, _, face in found)


@cache
def _letters(face: str) -> frozenset[int]:
    """The code points that a font has a letter for; none if the file cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(face).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def _font(face: str, size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(face, size)
