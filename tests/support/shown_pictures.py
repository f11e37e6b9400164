"""Small picture files, each with something that decides how a browser shows it, by name."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from support.icc import ADOBE_RGB, DISPLAY_P3, SRGB, SRGB_CURVE, grey_profile, rgb_profile

WIDTH, HEIGHT = 40, 24
ADOBE = rgb_profile(ADOBE_RGB, (563 / 256,))
P3 = rgb_profile(DISPLAY_P3, SRGB_CURVE)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


SRGB_CHROMATICITIES = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))


def gamma(hundred_thousandths: int) -> bytes:
    """A PNG's chunk that says how levels stand for light."""
    return chunk(b"gAMA", struct.pack(">I", hundred_thousandths))


END = chunk(b"IEND", b"")


def levels(channels: int, bits: int = 8) -> np.ndarray:
    """Ramps that differ by channel and tell left from right and top from bottom: [24, 40, channels], of 0 to 1."""
    x, y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    ramps = np.stack([0.15 + 0.75 * x, 0.85 - 0.7 * y, 0.2 + 0.5 * (x + y) / 2, 1 - 0.9 * x], axis=-1)[:, :, :channels]
    return (ramps * (2**bits - 1)).round().astype(np.uint16 if bits == 16 else np.uint8)


def image(mode: str = "RGB") -> Image.Image:
    """The ramps in one of Pillow's modes."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    return Image.fromarray(levels(channels).squeeze(), mode if channels != 2 else "LA")


def file(picture: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    """The picture in one of Pillow's formats."""
    buffer = io.BytesIO()
    defaults: dict[str, Any] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
    picture.save(buffer, image_format, **{**defaults.get(image_format, {}), **options})
    return buffer.getvalue()


def oriented(orientation: int) -> Image.Exif:
    """EXIF data with an orientation."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def png(pixels: np.ndarray, colour: int, bits: int, extra: bytes = b"") -> bytes:
    """A PNG by hand, of what Pillow cannot write: [H, W, channels] of 16 bits."""
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else np.uint8).tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, colour, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def interlaced_png() -> bytes:
    """Adam7: seven passes, each a coarse grid of the pixels."""
    pixels, rows = levels(3), b""
    for left, top, across, down in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                                    (0, 1, 1, 2)):  # fmt: skip
        rows += b"".join(b"\0" + row.tobytes() for row in pixels[top::down, left::across])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1))
    return PNG_SIGNATURE + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def palette(transparent: bool) -> Image.Image:
    """Sixteen colours; the first is transparent, or none is."""
    picture = image().quantize(16)
    if transparent:
        picture.info["transparency"] = 0
    return picture


def odd_exif() -> bytes:
    """EXIF as broken tools write it: the resolution as text, a rational of -1/0, and an orientation of 6."""
    entries = [
        struct.pack("<HHII", 0x0112, 3, 1, 6),
        struct.pack("<HHI4s", 0x011A, 2, 4, b"72\0\0"),
        struct.pack("<HHII", 0x011B, 10, 1, 62),
        struct.pack("<HHII", 0x0128, 3, 1, 2),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory + struct.pack("<ii", -1, 0)


def zeros_between_segments(jpeg: bytes) -> bytes:
    """The JPEG with zero bytes behind its first segment."""
    end = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:end] + bytes(5) + jpeg[end:]


def with_chunk(png_file: bytes, added: bytes) -> bytes:
    """The PNG with a chunk before its pixels."""
    place = png_file.index(b"IDAT") - 4
    return png_file[:place] + added + png_file[place:]


def with_segments(jpeg: bytes) -> bytes:
    """The JPEG with three segments that are too short for what they begin with."""
    short = ((b"\xe0", b"JFIF\0\1"), (b"\xee", b"Adobe"), (b"\xe2", b"ICC_PROFILE\0"))
    added = b"".join(b"\xff" + marker + struct.pack(">H", len(data) + 2) + data for marker, data in short)
    return jpeg[:2] + added + jpeg[2:]


def as_ycck(jpeg: bytes) -> bytes:
    """A CMYK JPEG whose inks are read as luminance and colour differences, as Photoshop writes them."""
    transform = jpeg.index(b"Adobe") + 11
    return jpeg[:transform] + b"\2" + jpeg[transform + 1 :]


def on_larger_screen(gif: bytes) -> bytes:
    """A GIF whose picture begins at (3, 2) of a screen of 46x28 pixels."""
    place = gif.index(b"," + bytes(4) + struct.pack("<HH", WIDTH, HEIGHT))
    moved = gif[:place] + b"," + struct.pack("<HH", 3, 2) + gif[place + 5 :]
    return moved[:6] + struct.pack("<HH", 46, 28) + moved[10:]


def pictures() -> dict[str, bytes]:
    """File by name. Browsers show all of them."""
    other = Image.new("RGB", (WIDTH, HEIGHT), "red")
    rgb, jpeg = image(), file(image(), "JPEG")
    sides = {f"jpeg_orientation_{turn}": file(rgb, "JPEG", exif=oriented(turn)) for turn in range(2, 9)}
    return sides | {
        "png": file(rgb),
        "png_1_bit": file(image("L").convert("1")),
        "png_16_bit_grey": png(levels(1, 16), 0, 16),
        "png_16_bit_grey_alpha": png(levels(2, 16), 4, 16),
        "png_16_bit_rgb": png(levels(3, 16), 2, 16),
        "png_16_bit_rgba": png(levels(4, 16), 6, 16),
        "png_16_bit_adobe_rgb": png(levels(3, 16), 2, 16, chunk(b"iCCP", b"a\0\0" + zlib.compress(ADOBE))),
        "png_adobe_rgb": file(rgb, icc_profile=ADOBE),
        "png_display_p3_alpha": file(image("RGBA"), icc_profile=P3),
        "png_srgb_profile": file(rgb, icc_profile=rgb_profile(SRGB, SRGB_CURVE)),
        "png_grey_alpha": file(image("LA")),
        "png_rgba": file(image("RGBA")),
        "png_palette": file(palette(False)),
        "png_palette_transparent": file(palette(True), transparency=0),
        "png_palette_half_transparent": file(palette(False), transparency=bytes(range(0, 256, 16))),
        "png_rgb_colour_key": file(rgb, transparency=rgb.getpixel((5, 5))),
        "png_orientation_6": file(rgb, exif=oriented(6)),
        "png_interlaced": interlaced_png(),
        "png_bytes_behind": file(rgb) + b"\r\n<!-- cached -->" * 9,
        "png_broken_profile": file(rgb, icc_profile=ADOBE[:60] + bytes(200)),
        "png_grey_profile": file(rgb, icc_profile=grey_profile(1.4)),
        "png_grey_alpha_grey_profile": file(image("LA"), icc_profile=grey_profile(1.4)),
        "png_16_bit_grey_key": png(levels(1, 16), 0, 16, chunk(b"tRNS", levels(1, 16)[0, 5].astype(">u2").tobytes())),
        "png_usual_gamma": png(levels(3), 2, 8, gamma(45_455)),
        "png_gamma_and_srgb": png(levels(3), 2, 8, chunk(b"sRGB", b"\0") + gamma(100_000)),
        "png_gamma_16_bit_alpha": png(levels(2, 16), 4, 16, gamma(30_000)),
        "png_gamma": png(levels(3), 2, 8, gamma(100_000)),
        "png_gamma_and_primaries": png(levels(3), 2, 8, gamma(100_000) + SRGB_CHROMATICITIES),
        "png_animated": file(rgb, save_all=True, append_images=[other], duration=60_000),
        "png_large_text": with_chunk(file(rgb), chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(3_000_000)))),
        "png_text_behind": file(rgb)[:-12] + chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(3_000_000))) + END,
        "png_wrong_checksum": with_chunk(file(rgb), chunk(b"tEXt", b"a\0b")[:-1] + b"?"),
        "png_short_gamma": with_chunk(file(rgb), chunk(b"gAMA", b"?")),
        "png_empty_profile": with_chunk(file(rgb), chunk(b"iCCP", b"")),
        "jpeg": jpeg,
        "jpeg_grey": file(image("L"), "JPEG"),
        "jpeg_grey_profile": file(image("L"), "JPEG", icc_profile=grey_profile(1.4)),
        "jpeg_grey_adobe_rgb": file(image("L"), "JPEG", icc_profile=ADOBE),
        "jpeg_adobe_rgb": file(rgb, "JPEG", icc_profile=ADOBE),
        "jpeg_display_p3_orientation_8": file(rgb, "JPEG", icc_profile=P3, exif=oriented(8)),
        "jpeg_progressive": file(rgb, "JPEG", progressive=True),
        "jpeg_cmyk": file(image("CMYK"), "JPEG"),
        "jpeg_ycck": as_ycck(file(image("CMYK"), "JPEG")),
        "jpeg_cmyk_rgb_profile": file(image("CMYK"), "JPEG", icc_profile=ADOBE),
        "jpeg_rgb": file(rgb, "JPEG", keep_rgb=True),
        "jpeg_zeros_between_segments": zeros_between_segments(jpeg),
        "jpeg_short_segments": with_segments(file(rgb, "JPEG", exif=oriented(6), icc_profile=ADOBE)),
        "jpeg_bytes_behind": jpeg + bytes(100),
        "jpeg_odd_exif": file(rgb, "JPEG", exif=odd_exif()),
        "jpeg_phone": file(rgb, "MPO", save_all=True, append_images=[other], exif=oriented(6)),
        "webp_lossless_rgba": file(image("RGBA"), "WEBP", exact=True),
        "webp_orientation_3": file(rgb, "WEBP", exif=oriented(3)),
        "webp_display_p3": file(rgb, "WEBP", icc_profile=P3),
        "webp_animated": file(rgb, "WEBP", save_all=True, append_images=[other], duration=60_000),
        "gif": file(rgb, "GIF"),
        "gif_transparent": file(palette(True), "GIF", transparency=0),
        "gif_smaller_than_its_screen": on_larger_screen(file(palette(False), "GIF")),
        "gif_animated": file(palette(False), "GIF", save_all=True, append_images=[other], duration=60_000),
        "gif_bytes_behind": file(rgb, "GIF") + b"\0\0visitor 4711",
        "bmp": file(rgb, "BMP"),
        "bmp_rgba": file(image("RGBA"), "BMP"),
    }  # fmt: skip
