"""What tells pictures that look the same: a 255-bit DCT hash to find candidates, a colour thumbnail to confirm them."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tasks.dedup.banded_search import Bits

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
    from PIL import Image

    from models.training.images import decode

    picture = Image.fromarray(decode(image, at_least=DECODED_SIDE))
    grey = picture.convert("L").resize((HASHED_SIDE, HASHED_SIDE), Image.Resampling.LANCZOS)
    basis = _cosines()
    frequencies = basis @ np.asarray(grey, np.float64) @ basis.T
    low = frequencies.ravel()[1:].round(6)  # rounded, so that rounding errors, which differ by processor, decide no bit
    # pHash takes the median. That is about zero in smooth images, where noise would then decide most bits.
    threshold = NOISE * np.sqrt(np.mean(low**2))
    thumbnail = picture.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    return low > threshold, np.asarray(thumbnail)


@cache
def _cosines() -> NDArray[np.float64]:
    """The first rows of the DCT-II matrix, [16, 32]."""
    time = np.arange(HASHED_SIDE)
    return np.cos(np.pi * (2 * time + 1) * np.arange(KEPT_SIDE)[:, None] / (2 * HASHED_SIDE))
