"""Ordinary JPEGs, decoded to the pixels that Pillow has for them, without its two copies: in two thirds of the time."""

import re

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from models.training.colours import moves_colours

JPEGS = ("JPEG", "MPO")  # MPO: a phone's JPEG with others behind it

# What libjpeg writes before the pixels unless it is told more, as for the JPEGs that the pipeline stores: nothing in it
# turns the picture or says what its colours mean. Sides are below 8192 pixels, which is never too large for Pillow.
_BARE_HEADER = re.compile(
    rb"\xff\xd8"
    rb"\xff\xe0\x00\x10JFIF\x00.{9}"
    rb"(\xff\xdb\x00\x43[\x00-\x03].{64}){1,2}"  # quantisation tables of 8 bits
    rb"\xff\xc0\x00\x11\x08([\x00-\x1f].){2}\x03.{9}"  # baseline: 8 bits, height, width, three components
    rb"(\xff\xc4\x00(\x1f.{29}|\xb5.{179}))+"  # Huffman tables as large as the standard's
    rb"\xff\xda",
    re.DOTALL,
)


def bare_jpeg(encoded: bytes) -> NDArray[np.uint8] | None:
    """The pixels of a JPEG without metadata, [H, W, 3] RGB: what `plain_jpeg` has for it, without opening it in Pillow.

    None for any other file, and for one that libjpeg has a warning about.
    """
    if not _BARE_HEADER.match(encoded):
        return None
    try:
        return np.asarray(simplejpeg.decode_jpeg(encoded, "RGB"), np.uint8)
    except ValueError:
        return None


def plain_jpeg(image: Image.Image, encoded: bytes) -> NDArray[np.uint8] | None:
    """The pixels of an opened image, [H, W, 3] RGB, in the size that it was last drafted to.

    None where there is more to do than to decode: for another format or mode, for a profile other than sRGB, for a
    file that libjpeg has a warning about, such as one that is cut. Pillow decides what becomes of those.
    """
    if image.format not in JPEGS or image.mode != "RGB" or moves_colours(image.info.get("icc_profile")):
        return None
    least = {"min_height": image.height, "min_width": image.width}
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(encoded, **least)
        if (width, height) != image.size:  # a second header, or one that Pillow took for damaged
            return None
        return np.asarray(simplejpeg.decode_jpeg(encoded, "RGB", **least), np.uint8)
    except ValueError:
        return None
