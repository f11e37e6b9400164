"""Writes tables as Parquet in row groups of bounded size, so that readers need little memory for any shard."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.engine import storage
from tasks.engine.temporary import new_folder
from tasks.settings import Settings

# Small row groups let a trainer read pairs in random order without reading whole shards; too small ones of codes cost
# more to open than to read.
ROWS_PER_GROUP = 256
LEAST_BYTES = 2**20
BYTES_PER_GROUP = 64 * 2**20  # of values, such as encoded images, before compression
STORED_PLAIN = ("image", "codes")  # compressed already, or read faster than they can be decompressed


class RowGroups:
    """A Parquet file that is written group by group. A group is full with `ROWS_PER_GROUP` rows of together
    `LEAST_BYTES`, and has at most `BYTES_PER_GROUP`, unless one row alone has more. Rows that do not fill a group yet
    wait in memory.
    """

    def __init__(self, file: BinaryIO | pa.NativeFile, schema: pa.Schema) -> None:
        compression = {name: "none" if name in STORED_PLAIN else "zstd" for name in schema.names}
        dictionaries = [name for name in schema.names if name not in STORED_PLAIN]
        self._writer = pq.ParquetWriter(
            file, schema, compression=compression, use_dictionary=dictionaries, write_page_checksum=True
        )
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0

    def add(self, table: pa.Table) -> None:
        """Adds rows behind those added before."""
        start = 0
        for row, size in enumerate(_row_bytes(table)):
            enough = self._waiting_rows >= ROWS_PER_GROUP and self._waiting_bytes >= LEAST_BYTES
            full = enough or self._waiting_bytes + size > BYTES_PER_GROUP
            if full and self._waiting_rows:
                self._waiting.append(table.slice(start, row - start))
                self._write_group()
                start = row
            self._waiting_rows += 1
            self._waiting_bytes += size
        self._waiting.append(table.slice(start))

    def close(self) -> None:
        """Writes the last group and the footer."""
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        if self._waiting_rows:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=self._waiting_rows)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0


class TableFile:
    """A table too large for memory: Parquet files in the work folder, for a shard. Whoever stores it closes it.

    Raises:
        StorageError: the work folder cannot be written.
    """

    def __init__(self, schema: pa.Schema, settings: Settings, rows_per_file: int | None = None) -> None:
        """A file that has `rows_per_file` rows or more is followed by another one; by default one file holds all."""
        self._folder = new_folder(settings)
        self._schema = schema
        self._rows_per_file = rows_per_file
        self._files: list[tuple[Path, int]] = []
        self._begin()

    @property
    def num_rows(self) -> int:
        """Rows added so far."""
        return sum(rows for _, rows in self._files)

    def add(self, table: pa.Table) -> None:
        """Adds rows behind those added before."""
        with self._plain_errors():
            if self._rows_per_file is not None and self._files[-1][1] >= self._rows_per_file:
                self._end()
                self._begin()
            self._groups.add(table.cast(self._schema))
        path, rows = self._files[-1]
        self._files[-1] = path, rows + table.num_rows

    def finish(self) -> list[tuple[Path, int]]:
        """The files, complete, and the rows of each."""
        with self._plain_errors():
            self._end()
        return self._files

    def close(self) -> None:
        """Removes the files."""
        self.finish()
        self._folder.cleanup()

    def _begin(self) -> None:
        path = Path(self._folder.name, f"table-{len(self._files):05d}.parquet")
        self._files.append((path, 0))
        self._file = path.open("wb")
        self._groups = RowGroups(self._file, self._schema)

    def _end(self) -> None:
        if not self._file.closed:
            self._groups.close()
            self._file.close()

    def _plain_errors(self) -> AbstractContextManager[None]:
        return storage.plain_errors(self._folder.name, "write", "--work-dir")


def table_bytes(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    buffer = pa.BufferOutputStream()
    groups = RowGroups(buffer, table.schema)
    groups.add(table)
    groups.close()
    return bytes(buffer.getvalue().to_pybytes())


def _row_bytes(table: pa.Table) -> list[int]:
    """Bytes of the texts, encoded images and codes of each row; what else a row holds is small."""
    sizes = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        if pa.types.is_fixed_size_binary(column.type):
            sizes += column.type.byte_width
        elif pa.types.is_binary(column.type) or pa.types.is_string(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return [int(size) for size in sizes]
