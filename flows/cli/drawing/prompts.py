"""The prompts of a call: its arguments, the lines of a text file, or a column of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import ConfigError
from tasks.sample.prompts import prompt_fault
from tasks.sample.suites.files import DELIMITERS, column_named, lines_of, table_of

COLUMN = "prompt"
MOST_PROMPTS = 10_000
MOST_BYTES = 64 << 20  # of a file
EXAMPLE = "write what to draw, such as 'a red apple'"


@dataclass(frozen=True)
class PromptRow:
    """A prompt, and the other columns of its row of a table."""

    prompt: str
    columns: dict[str, str] = field(default_factory=dict)


def prompt_rows(arguments: Sequence[str], file: Path | None) -> list[PromptRow]:
    """The prompts of the arguments, then those of the file; at least one.

    Args:
        file: a text file of one prompt a line, empty lines apart, or a .csv or .tsv file with a column `prompt`.

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
    if file.suffix.lower() not in DELIMITERS:
        return [(place, PromptRow(line)) for place, line in lines_of(file, MOST_BYTES)]
    columns, rows = table_of(file, MOST_BYTES)
    prompt = column_named(file, columns, (COLUMN,))
    return [
        (place, PromptRow(cells[prompt], {name: cell for name, cell in cells.items() if name != prompt}))
        for place, cells in rows
    ]
