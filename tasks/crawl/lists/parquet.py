"""Parquet files of strangers, read a few rows at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.engine import storage
from tasks.errors import SourceError


@contextmanager
def opened(part: str, buffer_bytes: int = 0) -> Iterator[pq.ParquetFile]:
    """A Parquet file; what is wrong with it is raised in the block too.

    Args:
        buffer_bytes: read at once of a column; 0: the column of a row group as a whole.

    Raises:
        SourceError: it is gone, or damaged.
        StorageError: it cannot be read.
    """
    fs, path = storage.filesystem(part)
    try:
        with storage.plain_errors(part, "read", "source.sources"), fs.open(path, "rb") as file:
            try:
                yield pq.ParquetFile(file, pre_buffer=False, buffer_size=buffer_bytes)
            except OSError as error:
                if type(error) is OSError and error.errno is None:  # Arrow's, of a damaged page
                    raise _damaged(part, error) from error
                raise
    except FileNotFoundError as error:
        raise SourceError(f"{part} does not exist any more: check source.sources.") from error
    except pa.ArrowException as error:
        raise _damaged(part, error) from error


def _damaged(part: str, error: Exception) -> SourceError:
    return SourceError(f"{part} is damaged or no Parquet ({str(error)[:100]}): get it again.")
