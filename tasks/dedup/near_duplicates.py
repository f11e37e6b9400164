"""What tells pictures that look the same: a 255-bit DCT hash to find candidates, a colour thumbnail to confirm them."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.dedup.banded_search import Bits

if TYPE_CHECKING:
    from PIL.Image import Image

HASHED_SIDE = 32  # pixels of the grey image whose DCT is hashed
DECODED_SIDE = 64  # pixels that a JPEG keeps at least: half the time, and 1 bit of 255 changes, seldom 3
KEPT_SIDE = 16  # low frequencies that are kept in each direction; 255 without the mean
HASH_BITS = KEPT_SIDE * KEPT_SIDE - 1
NOISE = 0.05  # threshold of a bit, relative to the frequencies' root mean square; recompression changes less
THUMBNAIL_SIDE = 16

Thumbnail = NDArray[np.uint8]


def hash_and_thumbnail(image: bytes) -> tuple[Bits, Thumbnail]:
    """Hash, bool [255], and thumbnail, uint8 RGB [16, 16, 3], of an encoded image.

    The hash is a variant of pHash: it depends on shapes and hardly on size and compression. It does not depend on
    colour (a red and a blue heart have equal hashes), so the thumbnail is compared as well.
    """
    return look(small(image))


def small(image: bytes) -> "Image":
    """An encoded image in RGB, which may come out smaller than it is, as `look` sees no detail."""
    from PIL import Image

    from models.training.images import decode

    return Image.fromarray(decode(image, at_least=DECODED_SIDE))


def look(picture: "Image", box: tuple[float, float, float, float] | None = None) -> tuple[Bits, Thumbnail]:
    """Hash and thumbnail of a picture, as `hash_and_thumbnail`.

    Args:
        box: left, top, right and bottom in pixels of the part that is looked at; all of it by default.
    """
    from PIL import Image

    grey = picture.convert("L").resize((HASHED_SIDE, HASHED_SIDE), Image.Resampling.LANCZOS, box)
    basis = _cosines()
    frequencies = basis @ np.asarray(grey, np.float64) @ basis.T
    low = frequencies.ravel()[1:].round(6)  # rounded, so that rounding errors, which differ by processor, decide no bit
    # pHash takes the median. That is about zero in smooth images, where noise would then decide most bits.
    threshold = NOISE * np.sqrt(np.mean(low**2))
    thumbnail = picture.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX, box)
    return low > threshold, np.asarray(thumbnail)


@cache
def _cosines() -> NDArray[np.float64]:
    """The first rows of the DCT-II matrix, [16, 32]."""
    time = np.arange(HASHED_SIDE)
    return np.cos(np.pi * (2 * time + 1) * np.arange(KEPT_SIDE)[:, None] / (2 * HASHED_SIDE))
