"""Colour profiles as an editor or a phone embeds them: primaries and a tone curve (ICC.1:2010)."""

import struct

D50 = (0.9642, 1.0, 0.8249)
# Columns: red, green and blue in XYZ, adapted to D50.
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
DISPLAY_P3 = ((0.51512, 0.24118, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def rgb_profile(primaries: tuple[tuple[float, float, float], ...], curve: tuple[float, ...]) -> bytes:
    """A profile for RGB; `curve` is one exponent, or the five numbers of a curve like sRGB's."""
    tags = {name: _xyz(colour) for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    return _profile(b"RGB ", tags | {name: _curve(curve) for name in (b"rTRC", b"gTRC", b"bTRC")})


def grey_profile(exponent: float) -> bytes:
    """A profile for grey."""
    return _profile(b"GRAY", {b"kTRC": _curve((exponent,))})


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _text("test"), b"cprt": _text("none"), b"wtpt": _xyz(D50), **tags}
    body, table = b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = 132 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s12s4s", size, bytes(4), 0x04200000, b"mntr", space, b"XYZ ", bytes(12), b"acsp")
    header += bytes(28) + _fixed(D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(numbers: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _xyz(colour: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(colour)


def _curve(numbers: tuple[float, ...]) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", 0 if len(numbers) == 1 else 3, 0) + _fixed(numbers)


def _text(words: str) -> bytes:
    data = words.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
