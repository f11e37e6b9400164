"""What is stored of a picture: as a browser shows it, at most as large as is asked for, as a JPEG."""

import io
from functools import lru_cache
from math import ceil
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from models.training.errors import DataError
from models.training.images import Pixels, decode_and_measure

# JPEGs are decoded at 1/2, 1/4 or 1/8 of their size as long as this times the stored size is left to average over:
# less costs sharpness, half a decibel at 2.
SCALED_AT_LEAST = 3
SUBSAMPLING = "420"  # as img2dataset and most of the web have it
AVERAGED_FROM = 6  # from this ratio on, OpenCV's own average is as fast
LEAST_WEIGHT = 1 / 512  # less moves no pixel by half a level
STEPS = 16  # in a pixel, at which the two are compared


class StoredPicture:
    """Stands in for img2dataset's resizer, which decodes by other rules and takes twice the time.

    img2dataset calls it in one thread, so there is one decoded picture at a time, however many are downloaded at once.
    """

    def __init__(self, image_size: int, jpeg_quality: int) -> None:
        cv2.setNumThreads(1)
        self.image_size = image_size
        self.jpeg_quality = jpeg_quality

    def __call__(self, stream: io.BytesIO, *_: Any) -> tuple[Any, ...]:
        """The JPEG, its width and height, those the picture was served in, and an error, as img2dataset wants them."""
        try:
            pixels, size = decode_and_measure(stream.getvalue(), SCALED_AT_LEAST * self.image_size)
            pixels = shrunk(pixels, self.image_size)
            encoded = simplejpeg.encode_jpeg(pixels, self.jpeg_quality, "RGB", SUBSAMPLING)
        except (DataError, ValueError) as refusal:  # ValueError: a side that JPEG has no number for
            return None, None, None, None, None, str(refusal)
        height, width = pixels.shape[:2]
        return encoded, width, height, *size, None


def shrunk(pixels: Pixels, shortest: int) -> Pixels:
    """The picture with at most `shortest` pixels on its shortest side: [H, W, 3], averaged, never enlarged.

    OpenCV's INTER_AREA, in half its time and as sharp: a filter over whole pixels, and then linear between them.
    """
    height, width = pixels.shape[:2]
    ratio = min(height, width) / shortest
    if ratio <= 1:
        return pixels
    size = round(width / ratio), round(height / ratio)
    if ratio >= AVERAGED_FROM:
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    taps = averaging(width / size[0]), averaging(height / size[1])
    filtered = cv2.sepFilter2D(pixels, -1, *taps, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(filtered, size, interpolation=cv2.INTER_LINEAR), np.uint8)


@lru_cache(maxsize=1024)
def averaging(ratio: float) -> NDArray[np.float32]:
    """Weights of a pixel and its neighbours: [odd number]. Linear between pixels, they are nearest to an average.

    The average over `ratio` pixels is a trapezoid, since a pixel's part in it falls within a pixel's width from all to
    none. Tents at whole pixels cannot give each such trapezoid; these weights give the least squared difference.
    """
    reach = ceil((ratio + 1) / 2)
    at = np.arange(-reach, reach + 1)
    x = np.linspace(-reach - 1, reach + 1, 2 * STEPS * (reach + 1) + 1)
    trapezoid = np.clip((ratio + 1) / 2 - np.abs(x), 0, 1)
    tents = np.clip(1 - np.abs(x[:, None] - at), 0, None)
    weights = np.linalg.lstsq(tents, trapezoid, rcond=None)[0]
    weights += weights[::-1]  # as symmetric as OpenCV asks for, to the last bit
    weights /= weights.sum()
    kept = weights if abs(weights[0]) >= LEAST_WEIGHT else weights[1:-1] / weights[1:-1].sum()
    return np.asarray(kept, np.float32)
