"""Picture files without the parts that decide nothing of what is seen, in which a damaged or huge one ends Pillow."""

import struct
import zlib
from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# Optional chunks that decide what is seen, and how many bytes they have at least. The critical ones are in capitals.
PNG_CHUNKS = {b"tRNS": 1, b"sRGB": 1, b"gAMA": 4, b"iCCP": 3, b"eXIf": 1}
# Optional segments that do: how their content begins, and how many bytes it has at least.
JPEG_SEGMENTS = {0xE0: (b"JFIF\0", 14), 0xE1: (b"Exif\0\0", 8), 0xE2: (b"ICC_PROFILE\0", 15), 0xEE: (b"Adobe", 12)}
COMMENT, START_OF_SCAN = 0xFE, 0xDA
FRAMES = (0xC0, 0xC1, 0xC2)  # with Huffman codes: baseline, extended, progressive
PLAIN = {*FRAMES, 0xC4, 0xDB, 0xDD, 0xE0, COMMENT}  # tables, restarts, JFIF


def png_essentials(data: bytes) -> bytes:
    """The PNG with its critical chunks and those of `PNG_CHUNKS`; a cut file stays one."""
    view, position = memoryview(data), len(PNG)
    kept = [view[:position]]
    while position + 12 <= len(data):
        name = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(view[position : position + 4], "big")
        if name[:1].isupper() or _is_whole(name, view[position + 8 : end - 4], view[end - 4 : end]):
            kept.append(view[position:end])
        position = end
        if name == b"IEND":
            break
    return b"".join(kept)


def _is_whole(name: bytes, content: memoryview, checksum: memoryview) -> bool:
    if name not in PNG_CHUNKS or len(content) < PNG_CHUNKS[name]:
        return False
    return zlib.crc32(content, zlib.crc32(name)) == int.from_bytes(checksum, "big")


def jpeg_essentials(data: bytes) -> bytes:
    """The JPEG without comments and without application data other than `JPEG_SEGMENTS`."""
    kept, position = [data[:2]], 2
    for start, end in _jpeg_segments(data):
        marker, content, position = data[start + 1], data[start + 4 : end], end
        beginning, shortest = JPEG_SEGMENTS.get(marker, (b"", 0))
        optional = 0xE0 <= marker <= 0xEF or marker == COMMENT
        if not optional or (shortest and len(content) >= shortest and content.startswith(beginning)):
            kept.append(data[start:end])
    return b"".join([*kept, data[position:]])


def is_plain_jpeg(data: bytes, most_pixels: int) -> bool:
    """Whether the file is a JPEG of 8 bits, grey or in colour, without application data that say how it is shown."""
    segments = list(_jpeg_segments(data)) if data.startswith(JPEG) else []
    frames = [data[start + 4 : end] for start, end in segments if data[start + 1] in FRAMES]
    if len(frames) != 1 or len(frames[0]) < 6 or not {data[start + 1] for start, _ in segments} <= PLAIN:
        return False
    bits, height, width, components = struct.unpack(">BHHB", frames[0][:6])
    return bits == 8 and 0 < height * width <= most_pixels and components in (1, 3)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the segments before the picture begin and end."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != START_OF_SCAN:
        if data[position + 1] == 0xFF:  # a fill byte
            position += 1
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        yield position, end
        position = end
