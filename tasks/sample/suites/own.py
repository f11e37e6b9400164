"""A person's own prompts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tasks.sample.suites.files import DELIMITERS, cell_of, column_named, lines_of, table_of
from tasks.sample.suites.suite import SuiteConfig, SuitePrompt


class OwnSuite(SuiteConfig):
    """A text file with a prompt a line, or a .csv or .tsv file with a column `prompt`, perhaps `category` and
    `challenge` too.
    """

    kind: Literal["own"] = "own"

    def read(self) -> Iterator[tuple[str, SuitePrompt]]:
        """Its prompts."""
        file = Path(self.path)
        if file.suffix.lower() not in DELIMITERS:
            return ((place, SuitePrompt(text)) for place, text in lines_of(file))
        return self._of_table(file)

    def _of_table(self, file: Path) -> Iterator[tuple[str, SuitePrompt]]:
        columns, rows = table_of(file)
        prompt = column_named(file, columns, ("prompt", "prompts"))
        for place, cells in rows:
            told = {name.strip().casefold(): cell for name, cell in cells.items() if cell}
            yield place, SuitePrompt(cell_of(place, cells, prompt), told.get("category"), told.get("challenge"))
