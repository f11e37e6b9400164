"""All pictures of one prompt on a sheet, large enough to look at, each with its rank and score."""

import io
import textwrap
from collections.abc import Sequence
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
    title = _lines(prompt, across)
    top = GAP + TITLE * len(title) + NOTE + GAP
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (across, top + rows * (height + CAPTION + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, line in enumerate(title):
        draw.text((GAP, GAP + TITLE * place), line, INK, _font(19))
    draw.text((GAP, top - NOTE - GAP), note, SOFT, _font(14))
    for rank, (picture, image) in enumerate(zip(pictures, images, strict=True)):
        x, y = GAP + rank % columns * (width + GAP), top + rank // columns * (height + CAPTION + GAP)
        sheet.paste(image, (x, y))
        draw.text((x, y + height + 3), f"{rank + 1}.", INK, _font(14))
        draw.text((x + RANK, y + height + 3), f"score {picture.score:.3f}", SOFT, _font(14))
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


def _lines(prompt: str, across: int) -> list[str]:
    """The prompt in as many characters a line as fit, four lines at most."""
    text = " ".join(prompt.split())
    letter = _font(19).getlength(text) / len(text)
    return textwrap.wrap(text, max(8, int((across - 2 * GAP) / letter)), max_lines=MOST_TITLE_LINES, placeholder=" …")


def _font(size: int) -> "FreeTypeFont":
    """DejaVu Sans, which matplotlib brings: it has Greek and Cyrillic too, unlike Pillow's own."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
