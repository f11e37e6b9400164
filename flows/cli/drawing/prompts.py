"""The prompts of a call: its arguments, the lines of a text file, or a column of a CSV file."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.crawl.caption_files.decoding import decode, is_damaged
from tasks.errors import ConfigError, SourceError
from tasks.sample.prompts import prompt_fault

COLUMN = "prompt"
CSV = ".csv"
MOST_PROMPTS = 10_000
MOST_BYTES = 64 << 20  # of a file
EXAMPLE = "write what to draw, such as 'a red apple'"


@dataclass(frozen=True)
class PromptRow:
    """A prompt, and the other columns of its row of a CSV file."""

    prompt: str
    columns: dict[str, str] = field(default_factory=dict)


def prompt_rows(arguments: Sequence[str], file: Path | None) -> list[PromptRow]:
    """The prompts of the arguments, then those of the file; at least one.

    Args:
        file: a text file of one prompt a line, empty lines apart, or a .csv file with a column `prompt`.

    Raises:
        ConfigError: there is no prompt, one of them cannot be drawn, or there are too many.
        SourceError: the file cannot be read.
    """
    named = [(f"Prompt {place}" if len(arguments) > 1 else "The prompt", PromptRow(prompt))
             for place, prompt in enumerate(arguments, 1)]  # fmt: skip
    named += _rows_of(file) if file else []
    if not named:
        place = f"{file} holds no prompt" if file else "There is no prompt"
        raise ConfigError(f"{place}: {EXAMPLE}.")
    if len(named) > MOST_PROMPTS:
        raise ConfigError(f"{len(named):,} prompts are more than {MOST_PROMPTS:,}: draw them in several calls.")
    for place, row in named:
        if fault := prompt_fault(row.prompt):
            raise ConfigError(f"{place} {fault}: {EXAMPLE}.")
    return [row for _, row in named]


def _rows_of(file: Path) -> list[tuple[str, PromptRow]]:
    """Each prompt of a file, with the words that name its place."""
    text = _text(file)
    if file.suffix.lower() == CSV:
        return list(_csv_rows(file, text))
    lines = enumerate(io.StringIO(text, newline=None), 1)
    return [(f"Line {number} of {file}", PromptRow(line.strip())) for number, line in lines if line.strip()]


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise SourceError(f"{file} is larger than {MOST_BYTES >> 20} MiB: name a file of prompts.")
        data = file.read_bytes()
    except OSError as error:
        raise SourceError(f"Cannot read {file} ({error.strerror}): name a file of prompts with --prompts.") from error
    text, encoding = decode(data)
    if is_damaged(text):
        raise SourceError(f"{file} is no text in {encoding}: save it as UTF-8.")
    return text


def _csv_rows(file: Path, text: str) -> Iterator[tuple[str, PromptRow]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = list(reader.fieldnames or [])
        if COLUMN not in columns:
            raise SourceError(f"{file} has no column '{COLUMN}': its first line names {', '.join(columns) or 'none'}.")
        for row in reader:
            if None in row:
                raise SourceError(f"Line {reader.line_num} of {file} has more cells than the first line: quote commas.")
            others = {name: value or "" for name, value in row.items() if name != COLUMN}
            yield f"Line {reader.line_num} of {file}", PromptRow((row[COLUMN] or "").strip(), others)
    except csv.Error as error:
        raise SourceError(
            f"{file} is no CSV file (line {reader.line_num}: {error}): quote cells with commas."
        ) from error
