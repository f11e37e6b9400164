"""Nearest images by pixels: each as 16x16 colour values, distances in whole numbers, so that no rounding decides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks import schemas

SIDE = 16
VALUES = SIDE * SIDE * 3
QUERIES_AT_ONCE = 1024  # bounds the matrix of distances

# A shard of the corpus as it is searched, in the order of the pairs.
THUMBNAILS = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("captions", pa.list_(pa.string()), nullable=False),  # all that the shard has for the image
        pa.field("image", pa.binary(VALUES), nullable=False),  # as in `thumbnails`
    ]
)


@dataclass(frozen=True)
class Nearest:
    """For each query, the nearest image found: its distance, its pair and its captions."""

    squared: NDArray[np.int64]  # sum over the 768 values of squared differences of grey levels
    pair_ids: NDArray[np.str_]
    captions: NDArray[np.object_]  # tuples: all captions that its shard has for the image, the pair's own first

    @property
    def mse(self) -> NDArray[np.float64]:
        """Mean squared error of colour values in [0, 1]."""
        return mean_squared(self.squared)

    def part(self, start: int, stop: int | None) -> "Nearest":
        return Nearest(self.squared[start:stop], self.pair_ids[start:stop], self.captions[start:stop])


def mean_squared(squared: NDArray[np.int64]) -> NDArray[np.float64]:
    return squared / (VALUES * 255.0**2)


def grey_levels(mse: float) -> float:
    """A mean squared error of values in [0, 1] as the typical difference in grey levels of 255."""
    return float(255 * mse**0.5)


def thumbnails(encoded: Sequence[bytes]) -> NDArray[np.uint8]:
    """Centred squares averaged down to 16x16: uint8 [n, 768]. One that is given several times is decoded once."""
    from models.training.images import centre_crop, decode

    distinct = {data: place for place, data in enumerate(dict.fromkeys(encoded))}
    small = [centre_crop(decode(data), SIDE).reshape(VALUES) for data in distinct]
    return np.stack(small)[[distinct[data] for data in encoded]] if small else np.empty((0, VALUES), np.uint8)


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean squared error of two thumbnails."""
    difference = a.astype(np.int64) - b.astype(np.int64)
    return float(mean_squared((difference**2).sum()))


def squared_distances(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[n, m]. Whole numbers below 2^53 in float64: exact whatever the order of summation."""
    left, right = a.astype(np.float64), b.astype(np.float64)
    products = left @ right.T
    return ((left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2 * products).astype(np.int64)


def nearest_in(corpus: Iterable[str], queries: NDArray[np.uint8]) -> Nearest | None:
    """The nearest image to each query [n, 768] among those of shards of THUMBNAILS; None without a shard.

    A shard is in memory at a time. Of images equally near, the lowest id is meant.
    """
    found = (_nearest_of(schemas.read_table(uri), queries) for uri in corpus)
    nothing: Nearest | None = None
    return reduce(either, found, nothing)


def either(first: Nearest | None, second: Nearest | None) -> Nearest | None:
    """The nearer of two answers for each query."""
    if first is None or second is None:
        return first or second
    closer = (second.squared < first.squared) | ((second.squared == first.squared) & (second.pair_ids < first.pair_ids))
    return Nearest(
        np.where(closer, second.squared, first.squared),
        np.where(closer, second.pair_ids, first.pair_ids),
        np.where(closer, second.captions, first.captions),
    )


def _nearest_of(table: pa.Table, queries: NDArray[np.uint8]) -> Nearest:
    corpus = np.frombuffer(b"".join(table["image"].to_pylist()), np.uint8).reshape(-1, VALUES)
    found, squared = [], []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        distances = squared_distances(queries[start : start + QUERIES_AT_ONCE], corpus)
        found.append(distances.argmin(1))
        squared.append(distances.min(1))
    which = np.concatenate(found) if found else np.empty(0, np.int64)
    least = np.concatenate(squared) if squared else np.empty(0, np.int64)
    return Nearest(
        least, np.array(table["pair_id"].take(which).to_pylist(), str), tuples(table["captions"].take(which))
    )


def tuples(lists: pa.ChunkedArray) -> NDArray[np.object_]:
    """A column of lists as an array of tuples."""
    return np.fromiter((tuple(each) for each in lists.to_pylist()), object, len(lists))
