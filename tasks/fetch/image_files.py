"""What can be told of an image file without decoding it: its format, its size, and whether its end is there."""

import io
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

# Image.open warns of large images, from a header it has only looked at; callers judge the size themselves.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

START_OF_SCAN = 0xDA
END_OF_IMAGE = b"\xff\xd9"
STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says about itself."""

    format: str
    width: int
    height: int


def read_header(data: bytes) -> ImageHeader | None:
    """Format and size in pixels; None for anything that is no image of a format the pipeline reads."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return ImageHeader(str(image.format), image.width, image.height)
    except Image.DecompressionBombError:
        return ImageHeader("bomb", 1 << 16, 1 << 16)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, OverflowError):
        return None


def upright(data: bytes, image_format: str) -> bytes:
    """The image as a viewer shows it: cameras store it as it fell on the sensor and note how to turn it.

    OpenCV, as img2dataset uses it, does not read that note.
    """
    if image_format not in ("JPEG", "WEBP"):
        return data
    with Image.open(io.BytesIO(data)) as image:
        if image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
            return data
        turned = io.BytesIO()
        ImageOps.exif_transpose(image).convert("RGB").save(turned, "PNG", compress_level=1)
    return turned.getvalue()


def is_cut(data: bytes) -> bool:
    """Whether this is an image file without its end. OpenCV decodes what there is of one and paints the rest grey."""
    if data.startswith(b"\xff\xd8\xff"):
        return not _jpeg_ends(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" not in data[-64:]
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if data.startswith((b"GIF87a", b"GIF89a")):
        return not data.rstrip(b"\0").endswith(b";")
    return False  # decoders refuse cut files of the other formats


def _jpeg_ends(data: bytes) -> bool:
    """Walks the segments, so that the end of an embedded thumbnail is not taken for the end of the image."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == START_OF_SCAN:
            return data.find(END_OF_IMAGE, position) >= 0
        if marker in STANDALONE_MARKERS or marker == 0xFF:  # 0xFF: a fill byte
            position += 1 if marker == 0xFF else 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False
