"""When a picture counts as a copy of another: the same file, or alike as a whole, mirrored, or without its margins."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tasks.dedup.banded_search import Bands, Hashes, packed
from tasks.dedup.config import Config as DedupConfig
from tasks.dedup.near_duplicates import HASH_BITS, look, small

# Wider than dedup's limits, within which it leaves nothing. What that finds of copies and of other pictures is measured
# on the pictures of each run: see `trial`.
BANDS = Bands(HASH_BITS, 24)
MAX_DIFFERENCE = 36  # levels between two thumbnails, after one gain and one offset for all their values
STRAYS = 3  # of their 256 places, where more is left: at sharp edges, and where a brighter copy is cut off at white
GAINS = (0.6, 1.6)  # brighter and darker copies; beyond, unlike pictures could be fitted to each other

MARGINS = (0.02, 0.04, 0.06, 0.08, 0.1)  # cut off at every edge; hashes bear a hundredth more or less
WHOLE, MIRRORED = 0, len(MARGINS) + 1  # views, beside one for each margin
OF_TRAINING, OF_JUDGED = len(MARGINS) + 1, len(MARGINS) + 2  # the numbers of views that are compared


class Kind(IntEnum):
    """How a copy differs from its original, the least first."""

    SAME_FILE = 0
    SAME_PICTURE = 1
    CHANGED = 2
    CROPPED = 3
    MIRRORED = 4


WORDS = {
    Kind.SAME_FILE: "the same file",
    Kind.SAME_PICTURE: "in another size or compression",
    Kind.CHANGED: "brighter, darker or otherwise nearly the same",
    Kind.CROPPED: "without its margins",
    Kind.MIRRORED: "mirrored",
}


@dataclass(frozen=True)
class Looks:
    """Views of pictures: hashes, uint8 [N, V, 32], and thumbnails, uint8 [N, V, 16, 16, 3]."""

    hashes: Hashes
    thumbnails: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def of(cls, views: list["Looks"], count: int) -> "Looks":
        """Pictures one after the other, of `count` views each."""
        if not views:
            return cls(np.empty((0, count, 32), np.uint8), np.empty((0, count, 16, 16, 3), np.uint8))
        return cls(np.concatenate([v.hashes for v in views]), np.concatenate([v.thumbnails for v in views]))


def views_of(encoded: bytes, count: int, upside_down: bool = False) -> Looks:
    """The first `count` views of one picture: whole, without each of the margins, mirrored.

    Raises:
        DataError: it is no picture.
    """
    from PIL import Image, ImageOps

    picture = small(encoded)
    if upside_down:
        picture = picture.transpose(Image.Transpose.ROTATE_180)
    width, height = picture.size
    boxes = [(m * width, m * height, (1 - m) * width, (1 - m) * height) for m in MARGINS]
    found = [look(picture), *(look(picture, box) for box in boxes)]
    if count > MIRRORED:
        found.append(look(ImageOps.mirror(picture)))
    hashes = packed(np.stack([bits for bits, _ in found[:count]]))
    return Looks(hashes[None], np.stack([thumbnail for _, thumbnail in found[:count]])[None])


def kinds(
    judged: Looks, training: Looks, first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What pairs of views are to each other: their kind, or -1 where they are no copies; and the bits that differ.

    One of a pair is to be seen whole: two pictures without margins are not compared.

    Args:
        first, second: places among all views of the judged and of the training pictures, picture by picture.
    """
    view, other = first % OF_JUDGED, second % OF_TRAINING
    hashes = [looks.hashes.reshape(-1, looks.hashes.shape[-1]) for looks in (judged, training)]
    bits = np.bitwise_count(hashes[0][first] ^ hashes[1][second]).sum(axis=1).astype(np.int64)
    small_ones = [looks.thumbnails.reshape(-1, 768) for looks in (judged, training)]
    raw, fitted = _differences(small_ones[0][first], small_ones[1][second])
    rule = DedupConfig()
    is_same = (bits <= rule.max_hash_distance) & (raw <= rule.max_colour_difference)
    found = np.where(is_same, Kind.SAME_PICTURE, Kind.CHANGED)
    found = np.where((view == WHOLE) & (other == WHOLE), found, Kind.CROPPED)
    found = np.where(view == MIRRORED, Kind.MIRRORED, found)
    is_copy = (bits <= BANDS.max_distance) & (fitted <= MAX_DIFFERENCE)
    return np.where(is_copy, found, -1).astype(np.int64), bits


def _differences(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The largest difference of each pair of thumbnails as they are, and that after a gain and an offset of the second,
    but for the strays."""
    left, right = a.astype(np.float64), b.astype(np.float64)
    raw = np.abs(left - right).max(axis=1, initial=0)
    mean, other = left.mean(axis=1, keepdims=True), right.mean(axis=1, keepdims=True)
    left, right = left - mean, right - other
    spread = (right**2).sum(axis=1, keepdims=True)
    gain = np.where(spread > 0, (left * right).sum(axis=1, keepdims=True) / np.maximum(spread, 1e-9), 1.0)
    places = np.abs(left - np.clip(gain, *GAINS) * right).reshape(len(left), -1, 3).max(axis=2)
    return raw, np.sort(places, axis=1)[:, -1 - STRAYS]
