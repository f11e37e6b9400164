"""Rows of files with cells between tabs, written as CSV is: a cell in quotation marks may hold tabs and ends of lines.

The format is that of RFC 4180, with tabs in place of commas.
"""

import re
from collections.abc import Iterator

import pyarrow as pa

from tasks.crawl.lists import tsv

Row = tuple[int, bytes]  # number of its first line, and its text

INSIDE = rb'(?:[^"]|"")*+'  # of a quoted cell: a mark in it is doubled
QUOTED = re.compile(rb'(?:^|(?<=\t))"(' + INSIDE + rb')"(?=\t|\r?\Z)')
OPENED = re.compile(rb'(?:^|(?<=\t))"' + INSIDE + rb"\Z")  # and not closed on the line
CLOSED = re.compile(INSIDE + rb'"(?=\t|\r?\Z)')  # on a later line
STILL_OPEN = re.compile(INSIDE + rb"\Z")
BLANK = bytes.maketrans(b"\t\n", b"  ")


def rows(uri: str, cells: int) -> Iterator[tuple[list[int], pa.Array]]:
    """The rows of a file in pieces: the number of each one's first line, and its text as if nothing were quoted, so
    with spaces for the tabs and ends of lines in a cell.

    Lines count as one row if they then have so many cells, and not more than MAX_LINE_BYTES. Else each is a row by
    itself, as in files that are written without quoting, where a mark at a cell's start means nothing.

    Raises:
        SourceError, StorageError: as `tsv.lines`.
    """
    joined = _Joined(cells)
    for first, lines in tsv.pieces(uri):
        found = [row for number, line in enumerate(lines, first) for row in joined.add(number, line)]
        if found:
            yield _columns(found)
    if left := list(joined.given_up()):
        yield _columns(left)


class _Joined:
    """Joins lines to rows. Every line is looked at twice at most, whatever the file holds."""

    def __init__(self, cells: int) -> None:
        self.tabs = cells - 1
        self.waiting: list[Row] = []  # lines of a row that is not at its end
        self.bytes = 0

    def add(self, number: int, line: bytes) -> Iterator[Row]:
        """The rows that are complete with this line."""
        if not self.waiting:
            yield from self._first(number, line)
            return
        self.bytes += len(line) + 1
        if self.bytes <= tsv.MAX_LINE_BYTES:
            if STILL_OPEN.match(line):
                self.waiting.append((number, line))
                return
            if closed := CLOSED.match(line):
                if _is_open(line[closed.end() :]):
                    self.waiting.append((number, line))
                    return
                row = _plain(b"\n".join([line for _, line in self.waiting] + [line]))
                if row.count(b"\t") == self.tabs and b"\n" not in row:
                    yield self.waiting[0][0], row
                    self.waiting = []
                    return
        yield from self.given_up()
        yield from self._first(number, line)

    def given_up(self) -> Iterator[Row]:
        """The waiting lines, each as a row."""
        yield from ((number, _plain(line)) for number, line in self.waiting)
        self.waiting = []

    def _first(self, number: int, line: bytes) -> Iterator[Row]:
        if b'"' not in line:
            yield number, line
        elif _is_open(line):
            self.waiting, self.bytes = [(number, line)], len(line)
        else:
            yield number, _plain(line)


def _is_open(line: bytes) -> bool:
    """Whether a quoted cell that begins on the line is not closed on it."""
    return OPENED.search(QUOTED.sub(b"", line)) is not None


def _plain(row: bytes) -> bytes:
    """The row without quotation marks around cells, and without tabs and ends of lines in them."""
    return QUOTED.sub(lambda cell: cell[1].replace(b'""', b'"').translate(BLANK), row)


def _columns(found: list[Row]) -> tuple[list[int], pa.Array]:
    return [number for number, _ in found], tsv.texts_of([text for _, text in found])
