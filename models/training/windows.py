"""Rows of shards in the order of a training: the row groups of a window in memory, those of the next being read."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.training.errors import DataError
from models.training.order import Order, WindowName
from models.training.shards import Shards

# By column: a list, or for codes and row numbers an array. Encoded images are views of the window, `pa.Buffer`.
Rows = dict[str, Any]
ROW = "row"  # the number of a row among those of all shards
CODES = "codes"
_READERS = 2


class Windows:
    """The columns of rows at consecutive positions of an order.

    Memory holds the row groups of two windows, whatever the number of rows.
    """

    def __init__(self, shards: Shards, order: Order, columns: Sequence[str]) -> None:
        self._shards = shards
        self._order = order
        self._columns = list(columns)
        self._firsts = np.cumsum(shards.sizes) - shards.sizes
        self._threads = ThreadPoolExecutor(_READERS, "row groups")
        self._read: dict[int, Future[pa.Table]] = {}
        self._window: WindowName | None = None
        self._rows: Rows = {}  # of the window, in the order of its row groups

    def at(self, positions: range) -> Rows:
        """Columns of the rows at `positions`, and their numbers under `ROW`.

        Raises:
            DataError: a shard cannot be read, or its codes are not equally many in each row.
        """
        found = []
        for part in self._order.parts(positions):
            if part.window != self._window:
                self._move_to(part.window)
            found.append(_selected(self._rows, part.rows))
        return found[0] if len(found) == 1 else {name: _joined([each[name] for each in found]) for name in found[0]}

    def close(self) -> None:
        """End the threads that read."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _move_to(self, window: WindowName) -> None:
        groups, next_groups = self._order.groups(window), self._order.groups(self._order.after(window))
        spare = self._rows.get(CODES)  # new memory costs more than copying
        self._window, self._rows = None, {}
        self._read = {group: self._read[group] for group in {*groups, *next_groups} & self._read.keys()}
        for group in groups:
            self._ask_for(group)
        self._rows = self._assembled(groups, spare)
        self._window = window
        for group in next_groups:
            self._ask_for(group)

    def _ask_for(self, group: int) -> None:
        if group not in self._read:
            self._read[group] = self._threads.submit(self._shards.read, group, self._columns)

    def _assembled(self, groups: list[int], spare: NDArray[np.uint16] | None) -> Rows:
        table = pa.concat_tables([self._read[group].result() for group in groups])
        rows: Rows = {column: _values(table[column]) for column in self._columns if column != CODES}
        if CODES in self._columns:
            rows[CODES] = codes_of(table[CODES], spare)
        numbers = [np.arange(first, first + size) for first, size in zip(*self._places(groups), strict=True)]
        return rows | {ROW: np.concatenate(numbers)}

    def _places(self, groups: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self._firsts[groups], self._shards.sizes[groups]


def tokens_of(shards: Shards, rows: Sequence[int]) -> tuple[list[str], NDArray[np.uint16]]:
    """Captions and codes, uint16 [rows, n], of some rows of token shards.

    Raises:
        DataError: a shard cannot be read, or its codes are not equally many in each row.
    """
    found = shards.take(rows, ["caption", CODES])
    return found["caption"], codes_of(pa.chunked_array([found[CODES]], pa.binary()))


def codes_of(column: pa.ChunkedArray, spare: NDArray[np.uint16] | None = None) -> NDArray[np.uint16]:
    """Little-endian 16-bit numbers from a column of bytes: uint16 [rows, n].

    Args:
        spare: an array [any rows, n] that may be overwritten and returned.

    Raises:
        DataError: rows of different lengths.
    """
    if pa.types.is_fixed_size_binary(column.type):
        width = column.type.byte_width
        chunks = [
            np.frombuffer(chunk.buffers()[1], "<u2", len(chunk) * width // 2, chunk.offset * width)
            for chunk in column.chunks
            if len(chunk)
        ]
        whole = spare.base if spare is not None and spare.base is not None else spare
        values = len(column) * width // 2
        if whole is None or whole.size < values:
            whole = np.empty(values, np.uint16)
        return np.concatenate(chunks, out=whole.reshape(-1)[:values]).reshape(-1, width // 2)
    rows = column.to_pylist()
    if len({len(row) for row in rows}) != 1:
        raise DataError("token rows differ in length: they come from different dVAEs")
    return np.frombuffer(b"".join(rows), dtype="<u2").reshape(len(rows), -1)


def _selected(window: Rows, rows: NDArray[np.int64]) -> Rows:
    return {
        name: column[rows] if isinstance(column, np.ndarray) else [column[i] for i in rows.tolist()]
        for name, column in window.items()
    }


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Of bytes, views."""
    return _views(column) if pa.types.is_binary(column.type) else column.to_pylist()


def _views(column: pa.ChunkedArray) -> list[pa.Buffer]:
    """By offsets, as Arrow copies the bytes of a row into its scalar."""
    views: list[pa.Buffer] = []
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        ends = np.frombuffer(offsets, np.int32, len(chunk) + 1, 4 * chunk.offset).tolist()
        views += [data.slice(start, end - start) for start, end in pairwise(ends)]
    return views


def _joined(parts: list[Any]) -> Any:
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else [each for part in parts for each in part]
