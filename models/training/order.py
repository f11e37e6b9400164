"""The order in which a training sees its rows: a pure function of seed, epoch and position."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.training.randomness import seed_of


class WindowName(NamedTuple):
    """A window of an epoch: the epoch's row groups in their order, cut into runs of equally many groups."""

    epoch: int
    number: int


@dataclass(frozen=True)
class Stretch:
    """Consecutive positions that lie in one window.

    Attributes:
        rows: their rows, counted within the window's row groups as they follow each other: int64 [n].
    """

    window: WindowName
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class _Epoch:
    groups: NDArray[np.int64]  # all row groups, permuted
    starts: NDArray[np.int64]  # position within the epoch at which each window starts, and the end: [windows + 1]


class Order:
    """An endless sequence of epochs, each of which has every row once.

    The row groups are permuted for each epoch, and the rows within each window of row groups. So a reader needs the
    row groups of one window at a time, and nothing here grows with the number of rows: only with that of row groups.
    """

    def __init__(self, seed: int, sizes: Sequence[int] | NDArray[np.int64], window: int) -> None:
        """Define the order.

        Args:
            sizes: rows of each row group; at least one is not 0.
            window: row groups in a window.
        """
        self._seed = seed
        self._sizes = np.asarray(sizes, np.int64)
        self._window = window
        self._rows = int(self._sizes.sum())
        self._epoch = lru_cache(maxsize=2)(self._permuted_groups)
        self._permutation = lru_cache(maxsize=4)(self._permuted_rows)

    def parts(self, positions: range) -> list[Stretch]:
        """The rows at consecutive positions of the endless sequence, by window."""
        parts = []
        position = positions.start
        while position < positions.stop:
            epoch, offset = divmod(position, self._rows)
            starts = self._epoch(epoch).starts
            number = int(np.searchsorted(starts, offset, side="right")) - 1
            first = offset - int(starts[number])
            count = min(positions.stop - position, int(starts[number + 1]) - offset)
            name = WindowName(epoch, number)
            parts.append(Stretch(name, self._permutation(name)[first : first + count]))
            position += count
        return parts

    def groups(self, window: WindowName) -> list[int]:
        """The row groups of a window, in their order."""
        first = window.number * self._window
        groups: list[int] = self._epoch(window.epoch).groups[first : first + self._window].tolist()
        return groups

    def after(self, window: WindowName) -> WindowName:
        """The window that follows."""
        last = len(self._epoch(window.epoch).starts) - 2
        return WindowName(window.epoch, window.number + 1) if window.number < last else WindowName(window.epoch + 1, 0)

    def _permuted_groups(self, epoch: int) -> _Epoch:
        groups = np.random.default_rng(seed_of(self._seed, "order", epoch)).permutation(np.flatnonzero(self._sizes))
        ends = np.cumsum(self._sizes[groups])
        last = np.append(np.arange(self._window, len(groups), self._window), len(groups)) - 1
        return _Epoch(groups, np.append(0, ends[last]))

    def _permuted_rows(self, window: WindowName) -> NDArray[np.int64]:
        starts = self._epoch(window.epoch).starts
        rows = int(starts[window.number + 1] - starts[window.number])
        return np.random.default_rng(seed_of(self._seed, "rows", *window)).permutation(rows)
