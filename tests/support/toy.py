"""Two small stages for tests of the engine: `numbers` makes shards of rows, `keep_even` screens them."""

import os
import signal
from functools import partial
from pathlib import Path

import pyarrow as pa

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage

NUMBERS = pa.schema([pa.field("pair_id", pa.string(), nullable=False), pa.field("value", pa.int64(), nullable=False)])


class NumbersConfig(StageConfig):
    """How many rows, in how many shards."""

    shards: int = 3
    rows_per_shard: int = 10


class KeepEvenConfig(StageConfig):
    """`lose` drops rows without a reject; `die_at` kills the process in the middle of that shard."""

    lose: int = 0
    die_at: int | None = None
    death_mark: str = ""


def make_numbers(config: NumbersConfig, shard: int) -> Shard:
    values = range(shard * config.rows_per_shard, (shard + 1) * config.rows_per_shard)
    table = pa.table({"pair_id": [f"{v:016x}" for v in values], "value": list(values)}, schema=NUMBERS)
    return Shard(rows_in=table.num_rows, tables={"numbers": table})


@stage(NumbersConfig)
def numbers(config: NumbersConfig, output: Output) -> None:
    """Rows 0, 1, 2, … in shards."""
    output.map(partial(make_numbers, config), range(config.shards))


def keep_even_shard(config: KeepEvenConfig, uri: str) -> Shard:
    if config.die_at is not None and f"-{config.die_at:05d}" in uri and not Path(config.death_mark).exists():
        Path(config.death_mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    table = schemas.read_table(uri)
    even = [v % 2 == 0 for v in table["value"].to_pylist()]
    odd = table.filter(pa.array([not e for e in even], pa.bool_()))
    rejects = [{"pair_id": row["pair_id"], "reason": "odd", "detail": str(row["value"])} for row in odd.to_pylist()]
    kept = table.filter(pa.array(even, pa.bool_()))
    return Shard(
        rows_in=table.num_rows,
        tables={"numbers": kept.slice(config.lose)},
        rejects=pa.Table.from_pylist(rejects, schema=schemas.REJECTS),
    )


@stage(KeepEvenConfig, reads={"rows": {"numbers": NUMBERS}})
def keep_even(config: KeepEvenConfig, output: Output, rows: Artifact) -> None:
    """Keeps the even rows; the others become rejects."""
    output.map(partial(keep_even_shard, config), rows.files("numbers"))
