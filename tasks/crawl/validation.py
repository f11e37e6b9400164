"""What is wrong with sources, told before a run: they are read as the crawl reads them, and nothing is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crawl.config import Config
from tasks.crawl.stage import read_part, serving
from tasks.engine.row_groups import TableFile
from tasks.errors import SourceError
from tasks.settings import Settings


@dataclass(frozen=True)
class Fault:
    """How many rows are rejected for a reason, and what decided for the first of them."""

    reason: str
    rows: int
    example: str


@dataclass(frozen=True)
class Validation:
    """What a part of a source holds; `error` says why it cannot be read at all."""

    part: str
    rows: int
    pairs: int
    faults: tuple[Fault, ...] = ()
    error: str | None = None


def validated(config: Config, settings: Settings) -> Iterator[Validation]:
    """Each part of each source, as soon as it is read.

    Raises:
        SourceError: a source is not there.
    """
    config.require()
    parts = [(name, part) for name, source in config.named_sources.items() for part in source.parts()]
    with serving(config):
        for name, part in parts:
            try:
                shard = read_part(config, settings, len(parts), (name, part))
            except SourceError as error:
                yield Validation(part, 0, 0, error=str(error))
                continue
            pairs = sum(table.num_rows for table in shard.tables.values())
            yield Validation(part, shard.rows_in, pairs, _faults(shard.rejects))
            for table in (*shard.tables.values(), shard.rejects):
                if isinstance(table, TableFile):
                    table.close()


def _faults(rejects: pa.Table | TableFile) -> tuple[Fault, ...]:
    """The most frequent reason first."""
    rows: dict[str, int] = {}
    examples: dict[str, str] = {}
    for table in _tables(rejects):
        for row in table.to_pylist():
            rows[row["reason"]] = rows.get(row["reason"], 0) + 1
            examples.setdefault(row["reason"], row["detail"] or row["url"] or "")
    ordered = sorted(rows, key=lambda reason: (-rows[reason], reason))
    return tuple(Fault(reason, rows[reason], examples[reason]) for reason in ordered)


def _tables(rejects: pa.Table | TableFile) -> Iterator[Any]:
    columns = ["reason", "detail", "url"]
    if isinstance(rejects, pa.Table):
        yield rejects.select(columns)
    else:
        for path, _ in rejects.finish():
            yield pq.read_table(path, columns=columns)
