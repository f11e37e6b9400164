"""What can be told of an image file without decoding it: its format, its size, and whether its end is there."""

from dataclasses import dataclass

from PIL import Image

from models.training.essentials import PNG
from models.training.images import open_image

START_OF_SCAN = 0xDA
END_OF_IMAGE = b"\xff\xd9"
STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
GIF_HEADERS = (b"GIF87a", b"GIF89a")
GIF_EXTENSION, GIF_IMAGE, GIF_END = b"!", b",", b";"
WEBP_ANIMATED = 2  # a bit of the byte 20
# Formats that are not read: how a file begins, and what it is called. ISO media files name theirs behind "ftyp".
UNREAD = {
    b"\0\0\1\0": "ICO", b"8BPS": "PSD", b"%PDF": "PDF", b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000", b"qoif": "QOI", b"<svg": "SVG",
    b"\x1aE\xdf\xa3": "WebM",
}  # fmt: skip
UNREAD_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"mif1", b"msf1"), "HEIC"
)
BRAND_SCANNED, SVG_SCANNED = 64, 1000  # bytes


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says about itself."""

    format: str
    width: int
    height: int


def read_header(data: bytes) -> ImageHeader | None:
    """Format and size in pixels; None for anything that is no image of a format the pipeline reads."""
    try:
        with open_image(data) as image:
            return ImageHeader(str(image.format), image.width, image.height)
    except Image.DecompressionBombError:
        return ImageHeader("bomb", 1 << 16, 1 << 16)
    except Exception:  # damaged files make parsers raise errors of any kind
        return None


def unread_format(data: bytes) -> str | None:
    """The name of the image format, if it is a known one that the pipeline does not read."""
    if data[4:8] == b"ftyp":
        brands = (data[start : start + 4] for start in range(8, BRAND_SCANNED, 4))  # the file's own one first
        return next((UNREAD_BRANDS[brand] for brand in brands if brand in UNREAD_BRANDS), "ISO media")
    for beginning, name in UNREAD.items():
        if data.startswith(beginning):
            return name
    start = data[:SVG_SCANNED].lower().removeprefix(b"\xef\xbb\xbf").lstrip()
    return "SVG" if start.startswith((b"<?xml", b"<!--", b"<!doctype svg", b"<svg")) and b"<svg" in start else None


def is_cut(data: bytes) -> bool:
    """Whether this is an image file without its end; bytes behind the end, and between parts, are no harm."""
    if data.startswith(b"\xff\xd8\xff"):
        return not _jpeg_ends(data)
    if data.startswith(PNG):
        return not _png_ends(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if data.startswith(GIF_HEADERS):
        return _gif_frames(data, 1) == 0
    return False  # decoders refuse cut files of the other formats


def is_animated(data: bytes) -> bool:
    """Whether this is a GIF, PNG or WebP file of several pictures that are shown one after the other."""
    if data.startswith(GIF_HEADERS):
        return _gif_frames(data, 2) > 1
    if data.startswith(PNG):
        return b"acTL" in data[: max(0, data.find(b"IDAT"))]  # the chunk that makes a PNG an APNG stands before it
    return data.startswith(b"RIFF") and data[8:16] == b"WEBPVP8X" and bool(data[20:21] and data[20] & WEBP_ANIMATED)


def _jpeg_ends(data: bytes) -> bool:
    """Walks the segments, so that the end of an embedded thumbnail is not taken for the end of the image."""
    position = 2
    while 0 <= position <= len(data) - 4:
        marker = data[position + 1]
        if marker == START_OF_SCAN:
            return data.rfind(END_OF_IMAGE, position) >= 0  # from behind, where it is
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker == 0 or marker in STANDALONE_MARKERS:
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        position = data.find(b"\xff", position)  # decoders skip what stands between two segments
    return False


def _png_ends(data: bytes) -> bool:
    """Walks the chunks up to the last one."""
    position = len(PNG)
    while position + 12 <= len(data):
        if data[position + 4 : position + 8] == b"IEND":
            return True
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return False


def _gif_frames(data: bytes, most: int) -> int:
    """How many frames are whole, `most` at most: walks the blocks up to the end of that one."""
    frames = 0
    position = 13 + _colour_table_bytes(data, 10)
    while position < len(data) and data[position : position + 1] != GIF_END:
        kind = data[position : position + 1]
        start = position + 11 + _colour_table_bytes(data, position + 9) if kind == GIF_IMAGE else position + 2
        after = _sub_blocks_end(data, start) if kind in (GIF_IMAGE, GIF_EXTENSION) else position + 1
        if after is None:
            break
        frames += kind == GIF_IMAGE
        if frames == most:
            break
        position = after
    return frames


def _colour_table_bytes(data: bytes, flags_at: int) -> int:
    flags = data[flags_at] if flags_at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _sub_blocks_end(data: bytes, position: int) -> int | None:
    """Where the blocks that begin at `position` end; None if the file ends first."""
    while position < len(data):
        if data[position] == 0:
            return position + 1
        position += 1 + data[position]
    return None
