"""Records that tasks of a stage hand to each other through the storage, so that no process holds them all."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.engine import storage

Records = NDArray[Any]
Parts = NDArray[np.int64]

OFFSET_BYTES = 8
FILES_AT_ONCE = 32  # of which parts are read at once


@dataclass(frozen=True)
class Exchange:
    """Records of one type. A task writes one file, cut into parts by what the records have in common; another task
    reads one part of many files. The workers share nothing but the storage.

    A file has the offsets in bytes of its parts and its end, as little-endian int64, and the records part by part.
    It is written at once, so it is whole if it is there.

    Attributes:
        uri: folder of the files.
        dtype: structured NumPy type of a record, without objects.
        parts: their number.
    """

    uri: str
    dtype: np.dtype[Any]
    parts: int = 1

    def write(self, source: int, records: Records, part: Parts | int = 0) -> None:
        """Writes the file of one task.

        Args:
            source: number of the task.
            records: [N].
            part: of each record, [N], or of all.
        """
        part = np.broadcast_to(part, len(records))
        sizes = np.bincount(part, minlength=self.parts) * self.dtype.itemsize
        offsets = (self.parts + 1) * OFFSET_BYTES + np.concatenate([[0], np.cumsum(sizes)])
        if (part[1:] < part[:-1]).any():
            records = records[np.argsort(part, kind="stable")]
        content = np.ascontiguousarray(records).view(np.uint8).data
        storage.write_bytes(self._file(source), b"".join([offsets.astype("<i8").tobytes(), content]))

    def has(self, source: int) -> bool:
        """Whether the file of a task is there."""
        return storage.exists(self._file(source))

    def read(self, sources: Iterable[int], part: int = 0) -> Records:
        """The records of one part that these tasks wrote, in the order of the tasks, [N].

        Raises:
            FileNotFoundError: one of them wrote none.
        """
        files = [self._file(source) for source in sources]
        first = part * OFFSET_BYTES
        ends = storage.read_ranges([(file, first, first + 2 * OFFSET_BYTES) for file in files])
        offsets = np.frombuffer(b"".join(ends), "<i8").reshape(-1, 2)
        found = np.empty((offsets[:, 1] - offsets[:, 0]).sum() // self.dtype.itemsize, self.dtype)
        content = found.view(np.uint8).reshape(-1)
        wanted = [(file, start, end) for file, (start, end) in zip(files, offsets.tolist(), strict=True) if start < end]
        filled = 0
        for begin in range(0, len(wanted), FILES_AT_ONCE):
            for data in storage.read_ranges(wanted[begin : begin + FILES_AT_ONCE]):
                content[filled : filled + len(data)] = np.frombuffer(data, np.uint8)
                filled += len(data)
        return found

    def _file(self, source: int) -> str:
        return f"{self.uri}/{source:05d}.bin"


def record_array(dtype: np.dtype[Any], **columns: Any) -> Records:
    """Records of the columns, [N] each, or one value for all."""
    found = np.empty(max(len(column) for column in columns.values() if np.ndim(column)), dtype)
    for name in dtype.names or ():
        found[name] = columns[name]
    return found
