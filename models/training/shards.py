"""Reads packed Parquet shards by URI: a local path, or any URL that fsspec supports."""

from collections.abc import Sequence

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.training.errors import DataError


def read_columns(uris: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """The named columns of all shards, in the order of the shards.

    Raises:
        DataError: a shard cannot be read or lacks a column.
    """
    tables = []
    for uri in uris:
        try:
            with fsspec.open(uri, "rb") as file:
                tables.append(pq.read_table(file, columns=list(columns), page_checksum_verification=True))
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"cannot read {uri}: {error}") from error
        missing = set(columns) - set(tables[-1].column_names)
        if missing:
            raise DataError(f"{uri} has no column {', '.join(sorted(missing))}")
    if not tables:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    return pa.concat_tables(tables)


def read_codes(uris: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Captions and codes of token shards.

    Returns:
        captions, one per row, and codes as uint16 [rows, n] (the shards hold them as little-endian bytes).

    Raises:
        DataError: a shard cannot be read, or there are no rows, or rows of different lengths.
    """
    table = read_columns(uris, ["caption", "codes"])
    if table.num_rows == 0:
        raise DataError(f"no token rows in {', '.join(uris) or 'an empty list of shards'}")
    rows = table.column("codes").to_pylist()
    if len({len(row) for row in rows}) != 1:
        raise DataError("token rows differ in length: they come from different dVAEs")
    codes = np.frombuffer(b"".join(rows), dtype="<u2").reshape(len(rows), -1)
    return table.column("caption").to_pylist(), codes
