"""All pictures of one prompt on a sheet, large enough to look at, each with its rank and score."""

import io
import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.generate import Picture

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

LEAST_SIDE = 160  # smaller pictures are enlarged by a whole factor to at least this, pixels
COLUMNS = 8
LEAST_WIDTH = 640  # of the sheet, for its heading
GAP, CAPTION, TITLE, NOTE = 12, 22, 26, 20  # pixels; the last three are heights of a line
RANK = 32  # pixels from the left of a picture to its score
INK, SOFT, PAPER = "#17181c", "#5a5e67", "#ffffff"
MOST_TITLE_LINES = 4
NO_LETTERS = "Last Resort"  # a font that has a box for every letter there is


def contact_sheet(prompt: str, note: str, pictures: Sequence[Picture]) -> bytes:
    """The sheet as PNG: the prompt, the note, and the pictures in their order, row by row.

    Args:
        pictures: at least one, best first.
    """
    from PIL import Image, ImageDraw

    images = [_enlarged(picture.png) for picture in pictures]
    width, height = images[0].size
    columns = min(COLUMNS, len(images))
    across = max(GAP + columns * (width + GAP), LEAST_WIDTH)
    faces = installed_fonts()
    text, face = writable(" ".join(prompt.split()), faces)
    title = _lines(text, face, across)
    top = GAP + TITLE * len(title) + NOTE + GAP
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (across, top + rows * (height + CAPTION + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, line in enumerate(title):
        draw.text((GAP, GAP + TITLE * place), line, INK, _font(face, 19))
    draw.text((GAP, top - NOTE - GAP), note, SOFT, _font(faces[0], 14))
    for rank, (picture, image) in enumerate(zip(pictures, images, strict=True)):
        x, y = GAP + rank % columns * (width + GAP), top + rank // columns * (height + CAPTION + GAP)
        sheet.paste(image, (x, y))
        draw.text((x, y + height + 3), f"{rank + 1}.", INK, _font(faces[0], 14))
        draw.text((x + RANK, y + height + 3), f"score {picture.score:.3f}", SOFT, _font(faces[0], 14))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


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


def installed_fonts() -> list[str]:
    """Files of fonts: DejaVu Sans, which matplotlib brings, and behind it the others of this machine, plain ones first.

    DejaVu Sans has Greek and Cyrillic too, unlike Pillow's own, but no Chinese, Japanese or Korean.
    """
    from matplotlib import font_manager, get_data_path

    found = sorted(
        (entry.style != "normal", entry.weight != 400, entry.fname)
        for entry in font_manager.fontManager.ttflist
        if not entry.name.startswith(NO_LETTERS)
    )
    return [str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), *(face for _, _, face in found)]


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
