"""Finds pictures that look the same: a 255-bit DCT hash to find candidates, a colour thumbnail to confirm them."""

import numpy as np
from numpy.typing import NDArray

HASHED_SIDE = 32  # pixels of the grey image whose DCT is hashed
KEPT_SIDE = 16  # low frequencies that are kept in each direction; 255 without the mean
HASH_BITS = KEPT_SIDE * KEPT_SIDE - 1
NOISE = 0.05  # threshold of a bit, relative to the frequencies' root mean square; recompression changes less
THUMBNAIL_SIDE = 16

Bits = NDArray[np.bool_]
Thumbnail = NDArray[np.uint8]
IndexPairs = NDArray[np.int64]


def hash_and_thumbnail(image: bytes) -> tuple[Bits, Thumbnail]:
    """Hash, bool [255], and thumbnail, uint8 RGB [16, 16, 3], of an encoded image.

    The hash is a variant of pHash: it depends on shapes and hardly on size and compression. It does not depend on
    colour (a red and a blue heart have equal hashes), so the thumbnail is compared as well.
    """
    from PIL import Image

    from models.training.images import decode

    picture = Image.fromarray(decode(image))
    grey = picture.convert("L").resize((HASHED_SIDE, HASHED_SIDE), Image.Resampling.LANCZOS)
    basis = _cosines()
    frequencies = basis @ np.asarray(grey, np.float64) @ basis.T
    low = frequencies.ravel()[1:].round(6)  # rounded, so that rounding errors, which differ by processor, decide no bit
    # pHash takes the median. That is about zero in smooth images, where noise would then decide most bits.
    threshold = NOISE * np.sqrt(np.mean(low**2))
    thumbnail = picture.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    return low > threshold, np.asarray(thumbnail)


def _cosines() -> NDArray[np.float64]:
    """The first rows of the DCT-II matrix, [16, 32]."""
    time = np.arange(HASHED_SIDE)
    return np.cos(np.pi * (2 * time + 1) * np.arange(KEPT_SIDE)[:, None] / (2 * HASHED_SIDE))


def pairs_within(hashes: Bits, max_distance: int) -> IndexPairs:
    """All index pairs i < j, int64 [n, 2], whose hashes, bool [N, 255], differ in at most `max_distance` bits.

    None is missed: if hashes are cut into `max_distance + 1` bands, two such hashes are equal in at least one band
    (pigeonhole principle), so only hashes with an equal band are compared.
    """
    packed = np.packbits(hashes, axis=1)
    found = [np.empty((0, 2), np.int64)]
    for band in np.array_split(hashes, max_distance + 1, axis=1):
        _, group = np.unique(np.packbits(band, axis=1), axis=0, return_inverse=True)
        candidates = _pairs_of_equals(group.ravel())
        differing = np.bitwise_count(packed[candidates[:, 0]] ^ packed[candidates[:, 1]]).sum(axis=1)
        found.append(candidates[differing <= max_distance])
    return np.unique(np.concatenate(found), axis=0)


def _pairs_of_equals(groups: NDArray[np.int64]) -> IndexPairs:
    """All index pairs i < j, [n, 2], with the same group."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    found = [np.empty((0, 2), np.int64)]
    for step in range(1, len(groups)):
        same = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not len(same):
            break
        found.append(np.stack([order[same], order[same + step]], axis=1))
    return np.concatenate(found)


def same_colours(thumbnails: Thumbnail, pairs: IndexPairs, max_difference: int) -> IndexPairs:
    """Those index pairs whose thumbnails, uint8 [N, 16, 16, 3], nowhere differ by more than `max_difference`."""
    difference = np.abs(thumbnails[pairs[:, 0]].astype(np.int16) - thumbnails[pairs[:, 1]])
    return pairs[difference.max(axis=(1, 2, 3)) <= max_difference]
