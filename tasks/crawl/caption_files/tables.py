"""Rows of tables of captions: CSV with any usual separator, JSON lines, or Parquet. A bad row is a fault of its own."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import Any

from tasks.crawl.caption_files.decoding import decode, is_damaged

FILE_COLUMNS = ("file", "filename", "filepath", "image", "imagename", "imagefile", "imagepath", "path")
CAPTION_COLUMNS = ("caption", "captions", "text", "alt", "alttext", "description", "comment", "sentence", "prompt")
SPLIT_COLUMN = "split"
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MAX_LINES_OF_ROW = 50  # a quoted cell that is not closed within them counts as never closed
EXPECTED = "expected a column such as file or file_name and one such as caption or text"


@dataclass(frozen=True)
class Row:
    """A row that names an image and its captions, or one that cannot be read. `place`: "line 3" of the table.

    `split` is what its column of that name holds, whatever that is; None if it is empty or there is none.
    """

    place: str
    file: str = ""
    captions: tuple[str, ...] = ()
    split: str | None = None
    fault: str | None = None


def rows(suffix: str, data: bytes, encoding: str | None = None) -> Iterator[Row]:
    """The rows of a table, in order.

    Args:
        suffix: one of SUFFIXES; a `.txt` is read as CSV.
        encoding: that of files without a byte order mark; None to detect it.
    """
    if suffix == ".parquet":
        yield from _parquet_rows(data)
        return
    text, found = decode(data, encoding)
    lines = list(io.StringIO(text, newline=None))
    for row in _json_rows(lines) if suffix == ".jsonl" else _csv_rows(lines):
        damaged = any(map(is_damaged, (row.file, *row.captions, row.split or "", row.fault or "")))
        yield (
            Row(row.place, fault=f"not {found}: the row holds bytes or characters without meaning") if damaged else row
        )


def is_headed(data: bytes, encoding: str | None = None) -> bool:
    """Whether a text file is a table: its first line names a column of files and one of captions, or is such a row."""
    first = next(iter(io.StringIO(decode(data[:4096], encoding)[0], newline=None)), "")
    return _dialect(first) is not None


def _json_rows(lines: list[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(place, fault=f"no JSON: {error}")
            continue
        if isinstance(value, dict):
            yield _row(place, value)
        else:
            yield Row(place, fault=f"expected a JSON object, found {type(value).__name__}: {line.strip()[:60]}")


def _parquet_rows(data: bytes) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(pa.BufferReader(data)).names
        wanted = [name for name in names if _plain(name) in (*FILE_COLUMNS, *CAPTION_COLUMNS, SPLIT_COLUMN)]
        values = pq.read_table(pa.BufferReader(data), columns=wanted).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        yield Row("the whole file", fault=f"no Parquet: {str(error)[:100]}")
        return
    for number, value in enumerate(values, 1):
        yield _row(f"row {number}", value)


def _csv_rows(lines: list[str]) -> Iterator[Row]:
    start = next((index for index, line in enumerate(lines) if line.strip()), None)
    if start is None:
        return
    dialect = _dialect(lines[start])
    if dialect is None:
        separator = max(SEPARATORS, key=lines[start].count)
        names = ", ".join(repr(name.strip()[:30]) for name in lines[start].split(separator)[:8])
        fault = f"{EXPECTED}, found {names}" + (f" ({SEPARATORS[separator]} between them)" if "," in names else "")
        yield Row(f"line {start + 1}", fault=fault)
        return
    separator, header = dialect
    if header is not None:
        start += 1
    columns = header or ["file", "caption"]
    for number, cells in _records(lines, start, separator):
        place = f"line {number}"
        if isinstance(cells, str):
            yield Row(place, fault=cells)
            continue
        if len(cells) > len(columns) and _plain(columns[-1]) in CAPTION_COLUMNS:
            # A caption in the last column that holds the separator without being quoted.
            cells = [*cells[: len(columns) - 1], separator.join(cells[len(columns) - 1 :])]
        if len(cells) > len(columns):
            yield Row(place, fault=f"{len(cells)} cells, expected {len(columns)}: {', '.join(columns)[:80]}")
        else:
            yield _row(place, dict(zip_longest(columns, cells, fillvalue="")))


def _records(lines: list[str], start: int, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """Line number and cells of every record, or what is wrong with it. A bad record costs its first line alone."""
    while start < len(lines):
        number = start + 1
        reader = csv.reader(iter(lines[start : start + MAX_LINES_OF_ROW]), delimiter=separator, strict=True)
        try:
            cells, start = next(reader), start + reader.line_num
        except csv.Error as error:
            cells, start = _loosely_read(lines[start], separator), start + 1
            if not cells:
                yield number, f"cannot be read ({error})"
        if any(cell.strip() for cell in cells):
            yield number, cells


def _loosely_read(line: str, separator: str) -> list[str]:
    """Cells of a line with quotation marks in odd places, if they are at least even in number; else none."""
    try:
        return next(csv.reader([line], delimiter=separator)) if line.count('"') % 2 == 0 else []
    except csv.Error:
        return []


def _dialect(line: str) -> tuple[str, list[str] | None] | None:
    """Separator and header of a table with this first line; the header is None if it is a row already."""
    for separator in SEPARATORS:
        cells = _loosely_read(line, separator)
        plain = {_plain(cell) for cell in cells}
        if plain.intersection(FILE_COLUMNS) and plain.intersection(CAPTION_COLUMNS):
            return separator, cells
    for separator in SEPARATORS:
        cells = _loosely_read(line, separator)
        if len(cells) >= 2 and re.fullmatch(r"[^\n]+\.(?i:jpe?g|png|webp|gif|bmp)(#\d+)?", cells[0].strip()):
            return separator, None
    return None


def _row(place: str, value: dict[Any, Any]) -> Row:
    by_name = {_plain(str(name)): (str(name), content) for name, content in reversed(value.items())}
    files = [by_name[name] for name in FILE_COLUMNS if name in by_name]
    texts = [by_name[name] for name in CAPTION_COLUMNS if name in by_name]
    if not files or not texts:
        return Row(place, fault=f"{EXPECTED}, found {', '.join(map(str, value))[:80] or 'none'}")
    name, file = next(((name, file) for name, file in files if file), files[0])
    if not isinstance(file, str) or not file.strip():
        empty = file is None or file == "" or isinstance(file, str)
        return Row(place, fault=f"no file name: '{name}' is {'empty' if empty else type(file).__name__}")
    try:
        captions = tuple(_captions(next((text for _, text in texts if text), "")))
    except TypeError as error:
        return Row(place, fault=str(error))
    _, split = by_name.get(SPLIT_COLUMN, ("", None))
    said = "" if split is None else str(split).strip() if isinstance(split, str | int) else type(split).__name__
    # Flickr8k numbers the captions of an image: "dog.jpg#0".
    return Row(place, re.sub(r"(\.\w+)#\d+$", r"\1", file.strip()), captions, said or None)


def _captions(value: Any) -> Iterable[str]:
    """One caption, or each of a list of them; an empty one stands for a caption that is missing."""
    if not isinstance(value, list):
        value = [value]
    for caption in value or [""]:
        if caption is not None and not isinstance(caption, str):
            raise TypeError(f"expected a caption or a list of them, found {type(caption).__name__}")
        yield (caption or "").strip()


def _plain(name: str) -> str:
    """A column's name without case, spaces, underscores and byte order mark: "File Name" is "filename"."""
    return re.sub(r"[\s_\-\ufeff]", "", name).lower()


def is_table(name: str) -> bool:
    """Whether a file is read as a table by its name: metadata.csv, captions.jsonl and so on."""
    path = PurePosixPath(name.lower())
    return path.stem in ("metadata", "captions") and path.suffix in SUFFIXES
