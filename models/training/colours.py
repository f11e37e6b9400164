"""Colours of an image file as a browser shows them: bit depths, transparency, colour profiles, PNG's gamma."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageCms

from models.training.errors import DataError

SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's names for grey of 16 bits
THIRTY_TWO_BITS = ("I", "F")  # what is black and white in them is not said
PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # the colours a profile is for, and Pillow's mode
SAME_LEVELS = 2  # a profile that moves no colour further than this is sRGB, up to rounding
USUAL_GAMMA = 0.45455  # in PNGs of programs that mean sRGB; browsers take it for sRGB


def on_white(image: Image.Image) -> Image.Image:
    """Any loaded image as a browser shows its colours on a white page: sRGB, mode RGB.

    Raises:
        DataError: the image has pixels of 32 bits.
    """
    if image.mode in THIRTY_TWO_BITS:
        raise DataError(f"pixels of 32 bits (mode {image.mode})")
    profile = image.info.get("icc_profile")
    gamma = image.info.get("gamma") if not profile and "srgb" not in image.info else None
    if gamma is not None and abs(gamma - USUAL_GAMMA) < 0.0005:
        gamma = None
    if image.mode in SIXTEEN_BITS:
        image = _eight_bits(image)
    if not image.has_transparency_data:
        return _in_srgb(image, profile, gamma)
    grey = image.mode in ("L", "LA", "1")
    image = _in_mode(image, "RGBA")
    shown = _in_srgb(image.convert("L" if grey else "RGB"), profile, gamma)
    shown.paste("white", mask=ImageChops.invert(image.getchannel("A")))
    return shown


def moves_colours(profile: bytes | None) -> bool:
    """Whether a picture of mode RGB that has this profile, or none, has other colours in sRGB."""
    return bool(profile) and _to_srgb(profile, "RGB") is not None


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """`Image.convert`, which copies an image that has the mode already: 160 MB for one of 40 megapixels."""
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits in 8; a level that stands for transparency becomes an alpha channel."""
    levels = np.asarray(image)
    grey = Image.fromarray((levels >> 8).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(levels == transparent, 0, 255).astype(np.uint8)))
    return grey


def _in_srgb(image: Image.Image, profile: bytes | None, gamma: float | None) -> Image.Image:
    """Colours in the space of a profile, or else as a PNG's gamma says, or else in sRGB, as sRGB, mode RGB."""
    if image.mode not in ("L", "CMYK"):
        image = _in_mode(image, "L" if image.mode == "1" else "RGB")
    for mode in (image.mode, "RGB") if profile and image.mode == "L" else (image.mode,):
        transform = _to_srgb(profile, mode) if profile else None
        if transform is not None:
            return ImageCms.applyTransform(_in_mode(image, mode), transform) or image
    if gamma:
        return _in_mode(image, "RGB").point(_gamma_table(gamma) * 3)
    return _in_mode(image, "RGB")


def _gamma_table(gamma: float) -> list[int]:
    """sRGB's level for each of 256 levels whose light is level ** (1 / gamma)."""
    light = (np.arange(256) / 255) ** (1 / gamma)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return [int(level) for level in (255 * levels).round()]


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the profile's space to sRGB; None if it is sRGB, is for other colours than `mode`, or cannot be read."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if PROFILE_MODES.get(source.profile.xcolor_space.strip()) != mode:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # browsers ignore a profile they cannot use
        return None
    if mode == "RGB":
        steps = np.arange(0, 256, 17, dtype=np.uint8)
        colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
        moved = np.asarray(ImageCms.applyTransform(Image.fromarray(colours), transform), np.int16)
        if np.abs(moved - colours).max() <= SAME_LEVELS:
            return None
    return transform
