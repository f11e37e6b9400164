"""Large text files with cells between tabs, read in pieces: every line is accounted for, whatever it holds."""

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.engine import storage
from tasks.errors import SourceError

SUFFIXES = (".tsv", ".tsv.gz", ".tsv.bz2")
PIECE_BYTES = 8 * 2**20
MAX_LINE_BYTES = 2**20  # of a longer line the start is kept, and it counts as malformed
MARK = b"\xef\xbb\xbf"


def lines(uri: str) -> Iterator[tuple[int, pa.Array]]:
    """The lines of a file that may be compressed, without their ends: in pieces, with the number of the first line.

    A line that is no UTF-8, too long or holds a zero character is null.

    Raises:
        SourceError: the file is damaged.
        StorageError: it cannot be read.
    """
    for number, found in pieces(uri):
        yield number, texts_of(found)


def pieces(uri: str) -> Iterator[tuple[int, list[bytes]]]:
    """As `lines`, but as bytes: of a line that is too long a little more than is allowed."""
    number, rest = 1, b""
    with opened(uri) as file:
        while piece := file.read(PIECE_BYTES):
            data = rest + piece
            end = data.rfind(b"\n") + 1
            rest = data[end:][: MAX_LINE_BYTES + 1]
            if end:
                found = data[: end - 1].removeprefix(MARK if number == 1 else b"").split(b"\n")
                yield number, found
                number += len(found)
    if rest:
        yield number, [rest]


def cells(texts: pa.Array, count: int) -> tuple[list[pa.Array], Any]:
    """The columns of lines of so many cells, and for each line why it is none, or null; its cells are empty then."""
    tabs = pc.count_substring(texts, "\t")
    fits = pc.fill_null(pc.equal(tabs, count - 1), False)
    split = pc.split_pattern(pc.if_else(fits, texts, "\t" * (count - 1)), "\t").flatten()
    columns = [split.take(pa.array(np.arange(column, len(split), count))) for column in range(count)]
    found = pc.cast(pc.add(tabs, 1), pa.string())
    fault = pc.coalesce(
        pc.binary_join_element_wise(found, f" cells, expected {count}", ""),
        f"no UTF-8, or more than {MAX_LINE_BYTES} bytes",
    )
    return columns, pc.if_else(fits, pa.scalar(None, pa.string()), fault)


@contextmanager
def opened(uri: str) -> Iterator[BinaryIO]:
    """A file, decompressed if its name ends in .gz or .bz2; what is wrong with it is raised in the block too.

    Raises:
        SourceError: the file is damaged.
        StorageError: it cannot be read.
    """
    fs, path = storage.filesystem(uri)
    try:
        with storage.plain_errors(uri, "read", "source.sources"), ExitStack() as stack:
            file: Any = stack.enter_context(fs.open(path, "rb"))
            if uri.endswith(".gz"):
                file = stack.enter_context(gzip.open(file, "rb"))
            elif uri.endswith(".bz2"):
                file = stack.enter_context(bz2.open(file, "rb"))
            try:
                yield file
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise _damaged(uri, error) from error
            except OSError as error:
                if type(error) is OSError and error.errno is None:  # as bz2 raises it for data that is not its own
                    raise _damaged(uri, error) from error
                raise
    except FileNotFoundError as error:
        raise SourceError(f"{uri} does not exist any more: check source.sources.") from error


def _damaged(uri: str, error: Exception) -> SourceError:
    return SourceError(f"{uri} is damaged or not complete ({str(error).rstrip('.')}): get it again.")


def texts_of(found: list[bytes]) -> pa.Array:
    """Lines as texts; null if a line is no UTF-8, too long or holds a zero character."""
    usable = [
        None if len(line) > MAX_LINE_BYTES or b"\0" in line else line[:-1] if line.endswith(b"\r") else line
        for line in found
    ]
    try:
        return pa.array(usable, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_decoded(line) for line in usable], pa.string())


def _decoded(line: bytes | None) -> str | None:
    try:
        return None if line is None else line.decode()
    except UnicodeDecodeError:
        return None
