"""DrawBench (Saharia et al. 2022)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tasks.sample.suites.files import cell_of, column_named, require_table, table_of
from tasks.sample.suites.suite import SuiteConfig, SuitePrompt


class DrawBenchSuite(SuiteConfig):
    """Its table as .csv or .tsv, with the columns Prompts and Category: 200 prompts in 11 categories."""

    kind: Literal["drawbench"] = "drawbench"

    def read(self) -> Iterator[tuple[str, SuitePrompt]]:
        """All its prompts with their categories."""
        file = require_table(Path(self.path))
        columns, rows = table_of(file)
        prompt = column_named(file, columns, ("prompts", "prompt"))
        category = column_named(file, columns, ("category",))
        for place, cells in rows:
            yield place, SuitePrompt(cell_of(place, cells, prompt), cell_of(place, cells, category))
