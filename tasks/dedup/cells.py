"""Cuts vectors into cells so that near ones meet, and finds the pairs of a cell with a high cosine."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.dedup.banded_search import Bits, Rows

Vectors = NDArray[np.float32]  # [N, D]

ROUNDS = 10  # of k-means
VECTORS_AT_ONCE = 1 << 10
CELLS_EACH = 2  # a pair on both sides of a border meets in one of them, mostly
NOWHERE = 0xFFFFFFFF  # in place of a cell


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """The vectors with length 1; one of length 0 stays."""
    wide = np.asarray(vectors, np.float32)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)


def centres(sample: Vectors, count: int) -> Vectors:
    """Spherical k-means: unit vectors, [K, D], K at most `count`. The first of the sample are where it starts."""
    found = sample[:count] if len(sample) else np.eye(1, sample.shape[1], dtype=np.float32)
    for _ in range(ROUNDS):
        nearest = nearest_cells(sample, found, 1)[:, 0]
        sums = np.zeros_like(found)
        np.add.at(sums, nearest, sample)
        found = np.where(np.bincount(nearest, minlength=len(found))[:, None] > 0, unit(sums), found)
    return found


def nearest_cells(vectors: Vectors, found: Vectors, count: int = CELLS_EACH) -> NDArray[np.uint32]:
    """The cells of each vector, the nearest first: [N, count], `NOWHERE` where there are fewer cells."""
    cells = np.full((len(vectors), count), NOWHERE, np.uint32)
    for start in range(0, len(vectors), VECTORS_AT_ONCE):
        some = slice(start, start + VECTORS_AT_ONCE)
        order = np.argsort(-(vectors[some] @ found.T), axis=1, kind="stable")[:, :count]
        cells[some, : order.shape[1]] = order
    return cells


class CosineSearch:
    """The pairs of vectors whose cosine reaches a limit, by comparing every two. As `BandedSearch`.

    Attributes:
        comparisons: how many were made so far.
    """

    def __init__(self, vectors: Vectors, min_cosine: float) -> None:
        self.comparisons = 0
        self._vectors = vectors
        self._min_cosine = min_cosine

    def pairs(self, done: Bits | None = None, earlier: int | None = None) -> Iterator[tuple[Rows, Rows]]:
        """As `BandedSearch.pairs`: each pair once, the lower rows and the higher ones."""
        count = len(self._vectors)
        done = np.zeros(count, bool) if done is None else done
        earlier = count if earlier is None else earlier
        for start in range(0, count, VECTORS_AT_ONCE):
            rows = np.arange(start, min(start + VECTORS_AT_ONCE, count))
            for first_start in range(0, min(int(rows[-1]), earlier), VECTORS_AT_ONCE):
                wanted = rows[~done[rows]]
                before = np.arange(first_start, min(first_start + VECTORS_AT_ONCE, earlier))
                cosines = self._vectors[before] @ self._vectors[wanted].T
                self.comparisons += cosines.size
                first, second = np.nonzero((cosines >= self._min_cosine) & (before[:, None] < wanted))
                if len(first):
                    yield before[first], wanted[second]

    def close_to_any(self) -> Bits:
        """Which vectors have another one close to them, [N]."""
        marked = np.zeros(len(self._vectors), bool)
        for first, second in self.pairs():
            marked[first] = marked[second] = True
        return marked
