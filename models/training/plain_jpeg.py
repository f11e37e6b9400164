"""Ordinary JPEGs, decoded to the pixels that Pillow has for them, without its two copies: in two thirds of the time."""

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from models.training.colours import moves_colours

JPEGS = ("JPEG", "MPO")  # MPO: a phone's JPEG with others behind it


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
