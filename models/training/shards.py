"""Packed Parquet shards by URI, a local path or any URL that fsspec supports, read one row group at a time."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from numpy.typing import NDArray

from models.training.errors import DataError

_FOOTERS_AT_ONCE = 8


class Shards:
    """The rows of some shards, in the order of the shards. Footers are read once, columns when they are asked for.

    Attributes:
        uris: where the shards are.
        sizes: rows of each row group of all shards, int64 [groups].
    """

    def __init__(self, uris: Sequence[str], columns: Sequence[str]) -> None:
        """Read the footers.

        Args:
            columns: that every shard must have.

        Raises:
            DataError: a shard cannot be read or lacks a column, or there are shards but no rows.
        """
        self.uris = list(uris)
        with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as threads:
            self._footers = list(threads.map(_footer, self.uris))
        for uri, footer in zip(self.uris, self._footers, strict=True):
            missing = set(columns) - set(footer.schema.to_arrow_schema().names)
            if missing:
                raise DataError(f"{uri} has no column {', '.join(sorted(missing))}")
        self._places = [(shard, i) for shard, each in enumerate(self._footers) for i in range(each.num_row_groups)]
        sizes = [self._footers[shard].row_group(i).num_rows for shard, i in self._places]
        self.sizes: NDArray[np.int64] = np.array(sizes, np.int64)
        self._ends = np.cumsum(self.sizes)
        self._verified: set[tuple[int, tuple[str, ...]]] = set()
        if uris and not len(self):
            raise DataError(f"no rows in {', '.join(uris)}")

    def __len__(self) -> int:
        return int(self.sizes.sum())

    def read(self, group: int, columns: Sequence[str]) -> pa.Table:
        """The named columns of one row group; no byte of another column is read.

        Checksums are verified when this process reads the columns for the first time: shards never change, and it is
        half of the time of reading codes.

        Raises:
            DataError: the shard cannot be read, or its content does not have its checksum.
        """
        shard, index = self._places[group]
        uri, part = self.uris[shard], (group, tuple(columns))
        try:
            with _opened(uri) as file:
                options: dict[str, Any] = {"pre_buffer": not _is_local(uri)}
                options["page_checksum_verification"] = part not in self._verified
                parquet = pq.ParquetFile(file, metadata=self._footers[shard], **options)
                table = parquet.read_row_group(index, columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"cannot read {uri}: {error}") from error
        self._verified.add(part)
        return table

    def take(self, rows: Sequence[int], columns: Sequence[str]) -> dict[str, list[Any]]:
        """The named columns of some rows, in the order asked for; each row group is read once.

        Raises:
            DataError: as from `read`.
        """
        groups = np.searchsorted(self._ends, rows, side="right")
        found: dict[str, list[Any]] = {name: [None] * len(rows) for name in columns}
        for group in np.unique(groups):
            table = self.read(int(group), columns)
            first = self._ends[group] - self.sizes[group]
            for place in np.flatnonzero(groups == group).tolist():
                for name in columns:
                    found[name][place] = table[name][int(rows[place] - first)].as_py()
        return found


def _footer(uri: str) -> pq.FileMetaData:
    try:
        with _opened(uri) as file:
            return pq.ParquetFile(file).metadata
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {uri}: {error}") from error


def _opened(uri: str) -> Any:
    """A local file as Arrow opens it, without Python's lock; another one as fsspec does."""
    return pa.OSFile(_path(uri), "rb") if _is_local(uri) else fsspec.open(uri, "rb").open()


def _is_local(uri: str) -> bool:
    return "://" not in uri or uri.startswith("file://")


def _path(uri: str) -> str:
    return str(LocalFileSystem._strip_protocol(uri))
