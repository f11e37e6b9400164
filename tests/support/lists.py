"""Reads small lists of image addresses with captions, as the published data sets have them."""

import bz2
import gzip
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tasks.crawl.config import Config
from tasks.crawl.stage import read_part
from tasks.engine.row_groups import TableFile
from tasks.settings import Settings

Row = dict[str, Any]


def written(path: Path, *lines: str | bytes) -> Path:
    """The file with these lines, compressed as its name says."""
    data = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    compress = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
    path.write_bytes(compress(data))
    return path


def read(settings: Settings, kind: str, path: Path, **options: Any) -> tuple[list[Row], list[Row]]:
    """The candidates and rejects of all files of a source; every row is one of both."""
    config = Config.model_validate([{"kind": kind, "path": str(path), **options}])
    candidates: list[Row] = []
    rejects: list[Row] = []
    parts = config.sources[0].parts()
    for part in parts:
        shard = read_part(config, settings, len(parts), (kind, part))
        table = shard.tables["candidates"]
        assert isinstance(table, TableFile)
        assert isinstance(shard.rejects, TableFile)
        assert shard.rows_in == table.num_rows + shard.rejects.num_rows
        candidates += _rows(table)
        rejects += _rows(shard.rejects)
    return candidates, rejects


def pairs(rows: list[Row]) -> list[tuple[str, str]]:
    """Address and caption of each candidate."""
    return [(row["url"], row["alt"]) for row in rows]


def faults(rows: list[Row]) -> list[tuple[str, str]]:
    """Reason and detail of each reject."""
    return [(row["reason"], row["detail"]) for row in rows]


def _rows(table: TableFile) -> list[Row]:
    found = [row for path, _ in table.finish() for row in pq.read_table(path).to_pylist()]
    table.close()
    return found
