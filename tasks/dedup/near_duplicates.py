"""Finds pictures that look the same: a 255-bit DCT hash to find candidates, a colour thumbnail to confirm them."""

import io

import numpy as np
from numpy.typing import NDArray

HASHED_SIDE = 32  # the grey picture whose cosine transform is hashed
KEPT_SIDE = 16  # its low frequencies; without the mean 255 of them
HASH_BITS = KEPT_SIDE * KEPT_SIDE - 1
NOISE = 0.05  # of the root mean square of the frequencies: what a new compression may change
THUMBNAIL_SIDE = 16

Bits = NDArray[np.bool_]
Thumbnail = NDArray[np.uint8]
Pairs = NDArray[np.int64]


def look(image: bytes) -> tuple[Bits, Thumbnail]:
    """Hash [255] and thumbnail [16, 16, 3] of an encoded image.

    The hash sees shapes and survives new sizes and new compression. It is blind to colour: a red and a blue heart have
    the same one, which is what the thumbnail is for.
    """
    from PIL import Image

    with Image.open(io.BytesIO(image)) as opened:
        picture = opened.convert("RGB")
    grey = picture.convert("L").resize((HASHED_SIDE, HASHED_SIDE), Image.Resampling.LANCZOS)
    basis = _cosines()
    frequencies = basis @ np.asarray(grey, np.float64) @ basis.T
    low = frequencies.ravel()[1:].round(6)  # rounded, so that no processor's last digit decides a bit
    # Not the usual median: in smooth pictures it is about zero, and noise about zero would decide most bits.
    threshold = NOISE * np.sqrt(np.mean(low**2))
    thumbnail = picture.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    return low > threshold, np.asarray(thumbnail)


def _cosines() -> NDArray[np.float64]:
    """The first rows of the DCT-II matrix, [16, 32]."""
    time = np.arange(HASHED_SIDE)
    return np.cos(np.pi * (2 * time + 1) * np.arange(KEPT_SIDE)[:, None] / (2 * HASHED_SIDE))


def pairs_within(hashes: Bits, max_distance: int) -> Pairs:
    """All pairs i < j, [n, 2], whose hashes [N, 255] differ in at most `max_distance` bits; none is missed.

    Cut into `max_distance + 1` bands, two such hashes agree in one band at least: only those that do are compared.
    """
    packed = np.packbits(hashes, axis=1)
    found = [np.empty((0, 2), np.int64)]
    for band in np.array_split(hashes, max_distance + 1, axis=1):
        _, group = np.unique(np.packbits(band, axis=1), axis=0, return_inverse=True)
        candidates = _pairs_of_equals(group.ravel())
        differing = np.bitwise_count(packed[candidates[:, 0]] ^ packed[candidates[:, 1]]).sum(axis=1)
        found.append(candidates[differing <= max_distance])
    return np.unique(np.concatenate(found), axis=0)


def _pairs_of_equals(groups: NDArray[np.int64]) -> Pairs:
    """All pairs i < j, [n, 2], with the same group."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    found = [np.empty((0, 2), np.int64)]
    for step in range(1, len(groups)):
        same = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not len(same):
            break
        found.append(np.stack([order[same], order[same + step]], axis=1))
    return np.concatenate(found)


def same_colours(thumbnails: Thumbnail, pairs: Pairs, max_difference: int) -> Pairs:
    """Those pairs whose thumbnails [N, 16, 16, 3] nowhere differ by more than `max_difference` of 255."""
    difference = np.abs(thumbnails[pairs[:, 0]].astype(np.int16) - thumbnails[pairs[:, 1]])
    return pairs[difference.max(axis=(1, 2, 3)) <= max_difference]
