"""Texts and tables of prompts. What cannot be read is told with its place, in one sentence."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from tasks.crawl.caption_files.decoding import decode, is_damaged
from tasks.errors import SourceError

MOST_BYTES = 256 << 20  # of a file: the captions of COCO's training images have 92 MB
DELIMITERS = {".csv": ",", ".tsv": "\t"}  # of tables, by the end of a file's name

Placed = tuple[str, str]  # the words that name a place, and the text there
PlacedRow = tuple[str, dict[str, str]]  # the same with the cells of a row by column


def text_of(file: Path, most_bytes: int = MOST_BYTES) -> str:
    """A file as text, whatever its encoding.

    Raises:
        SourceError: it cannot be read, is too large, or is no text.
    """
    try:
        if file.stat().st_size > most_bytes:
            raise SourceError(f"{file} is larger than {most_bytes >> 20} MiB: name a file of prompts.")
        data = file.read_bytes()
    except OSError as error:
        raise SourceError(f"Cannot read {file} ({error.strerror}): name a file of prompts.") from error
    text, encoding = decode(data)
    if is_damaged(text):
        raise SourceError(f"{file} is no text in {encoding}: save it as UTF-8.")
    return text


def lines_of(file: Path, most_bytes: int = MOST_BYTES) -> Iterator[Placed]:
    """The lines of a file that hold something, each with the words that name its place."""
    lines = io.StringIO(text_of(file, most_bytes), newline=None)
    return ((f"Line {number} of {file}", line.strip()) for number, line in enumerate(lines, 1) if line.strip())


def require_table(file: Path) -> Path:
    """The file, if its name ends as that of a table.

    Raises:
        SourceError: it does not.
    """
    if file.suffix.lower() not in DELIMITERS:
        raise SourceError(f"{file} is no table: name a file that ends in {' or '.join(DELIMITERS)}.")
    return file


def table_of(file: Path, most_bytes: int = MOST_BYTES) -> tuple[list[str], Iterator[PlacedRow]]:
    """The columns of a .csv or .tsv file and its rows. Cells that a row lacks are empty.

    Between commas a cell may be quoted; between tabs a quotation mark is one.

    Raises:
        SourceError: as `text_of`; while rows are read, that the file is no such table.
    """
    delimiter = DELIMITERS[file.suffix.lower()]
    text = io.StringIO(text_of(file, most_bytes), newline="")
    if delimiter == ",":
        reader = csv.DictReader(text, strict=True)
    else:
        reader = csv.DictReader(text, strict=True, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    try:
        columns = list(reader.fieldnames or [])
    except csv.Error as error:
        raise _no_table(file, reader.line_num, error) from error
    return columns, _rows(file, reader)


def _rows(file: Path, reader: csv.DictReader) -> Iterator[PlacedRow]:
    try:
        for row in reader:
            place = f"Line {reader.line_num} of {file}"
            if None in row:
                raise SourceError(f"{place} has more cells than the first line: quote commas.")
            yield place, {name: (cell or "").strip() for name, cell in row.items()}
    except csv.Error as error:
        raise _no_table(file, reader.line_num, error) from error


def _no_table(file: Path, line: int, error: Exception) -> SourceError:
    kind = file.suffix[1:].upper()
    return SourceError(f"{file} is no {kind} file (line {line}: {error}): quote cells with commas.")


def column_named(file: Path, columns: Sequence[str], names: Sequence[str]) -> str:
    """The first column with one of these names, in capitals or not.

    Raises:
        SourceError: there is none.
    """
    for column in columns:
        if column.strip().casefold() in names:
            return column
    found = ", ".join(columns) or "none"
    raise SourceError(f"{file} has no column '{names[0]}': its first line names {found}.")


def cell_of(place: str, cells: dict[str, str], column: str) -> str:
    """What stands in a column.

    Raises:
        SourceError: nothing does.
    """
    if not cells[column]:
        raise SourceError(f"{place} has nothing in the column '{column}': complete it, or leave the line out.")
    return cells[column]
