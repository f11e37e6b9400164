"""Picture files without the parts that decide nothing of what is seen, in which a damaged or huge one ends Pillow."""

import zlib

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# Optional chunks that decide what is seen, and how many bytes they have at least. The critical ones are in capitals.
PNG_CHUNKS = {b"tRNS": 1, b"sRGB": 1, b"gAMA": 4, b"iCCP": 3, b"eXIf": 1}
# Optional segments that do: how their content begins, and how many bytes it has at least.
JPEG_SEGMENTS = {0xE0: (b"JFIF\0", 14), 0xE1: (b"Exif\0\0", 8), 0xE2: (b"ICC_PROFILE\0", 15), 0xEE: (b"Adobe", 12)}
COMMENT, START_OF_SCAN = 0xFE, 0xDA


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
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != START_OF_SCAN:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        beginning, shortest = JPEG_SEGMENTS.get(marker, (b"", 0))
        optional = 0xE0 <= marker <= 0xEF or marker == COMMENT
        content = data[position + 4 : end]
        if not optional or (shortest and len(content) >= shortest and content.startswith(beginning)):
            kept.append(data[position:end])
        position = end
    return b"".join([*kept, data[position:]])
