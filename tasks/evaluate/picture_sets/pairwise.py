"""Distances between all pictures of two sets, some rows at a time: memory holds no matrix of all of them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

ROWS = 256


def squared_distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Squared Euclidean distances of some rows of `a` [n, D] to all of `b` [m, D]: which rows, and float64 [r, m]."""
    right = b.astype(np.float64)
    lengths = (right**2).sum(1)
    for start in range(0, len(a), ROWS):
        left = a[start : start + ROWS].astype(np.float64)
        squared = (left**2).sum(1)[:, None] + lengths - 2 * (left @ right.T)
        yield slice(start, start + len(left)), np.maximum(squared, 0.0, out=squared)
