"""PartiPrompts (Yu et al. 2022)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tasks.sample.suites.files import cell_of, column_named, require_table, table_of
from tasks.sample.suites.suite import SuiteConfig, SuitePrompt


class PartiPromptsSuite(SuiteConfig):
    """PartiPrompts.tsv with the columns Prompt, Category, Challenge and Note: 12 categories, 11 challenges."""

    kind: Literal["partiprompts"] = "partiprompts"

    def read(self) -> Iterator[tuple[str, SuitePrompt]]:
        """All its prompts with category and challenge; the notes are left."""
        file = require_table(Path(self.path))
        columns, rows = table_of(file)
        names = [column_named(file, columns, (name,)) for name in ("prompt", "category", "challenge")]
        for place, cells in rows:
            yield place, SuitePrompt(*(cell_of(place, cells, name) for name in names))
