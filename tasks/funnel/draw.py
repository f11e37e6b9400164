"""Examples chosen by rule and not by hand: of any number of rows the few with the lowest keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# Columns that an example may show, with the characters that are kept of each: a caption may have a million.
SHOWN = {"pair_id": 64, "caption": 280, "detail": 160, "url": 280}

REPEATS = 8  # rows looked at for each distinct caption


@dataclass(frozen=True)
class Example:
    """A row to be shown, and the shard it stands in. `key` decides which rows are shown, and their order."""

    key: tuple[float, str]
    uri: str
    pair_id: str
    caption: str
    detail: str
    url: str


@dataclass
class Draw:
    """The `most` rows with the lowest keys of all that were added, whatever the order; `distinct`: one of a caption."""

    most: int
    distinct: bool = False
    examples: list[Example] = field(default_factory=list)

    def add(self, examples: Sequence[Example]) -> None:
        """Considers some more."""
        lowest = sorted([*self.examples, *examples], key=_order)
        if self.distinct:
            lowest = list({example.caption: example for example in reversed(lowest)}.values())[::-1]
        self.examples = lowest[: self.most]

    def add_rows(self, table: pa.Table, uri: str, values: Any = None) -> None:
        """Considers the rows of a table with the columns of `SHOWN`, or some of them.

        Args:
            values: for each row a number, the lowest first; by default the ids decide alone, which are hashes.
        """
        if not self.most or not table.num_rows:
            return
        values = pa.array([0.0] * table.num_rows) if values is None else pc.cast(values, pa.float64())
        table = table.append_column("_value", values)
        order = [("_value", "ascending"), ("pair_id", "ascending"), ("url", "ascending"), ("detail", "ascending")]
        used = [(name, how) for name, how in order if name in table.column_names]
        most = self.most * (REPEATS if self.distinct else 1)
        lowest = table.take(pc.select_k_unstable(table, most, used))
        for name in SHOWN.keys() & set(table.column_names):
            short = pc.utf8_slice_codeunits(lowest[name], 0, SHOWN[name])
            lowest = lowest.set_column(lowest.column_names.index(name), name, short)
        self.add([_example(row, uri) for row in lowest.to_pylist()])


def _example(row: dict[str, Any], uri: str) -> Example:
    shown = {name: row.get(name) or "" for name in SHOWN}
    return Example(key=(row["_value"], shown["pair_id"]), uri=uri, **shown)


def _order(example: Example) -> tuple[tuple[float, str], str, str, str]:
    return example.key, example.url, example.detail, example.uri
