"""Splits judged captions into those that are kept and those that are rejected."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.engine.output import Shard


def split(table: pa.Table, kept: pa.Schema, metrics: Mapping[str, float] | None = None) -> Shard:
    """A shard of captions and rejects.

    Args:
        table: candidates with `caption`, `reason` and `detail`; the reason is null where a row is kept.
        kept: the columns of the rows that are kept.
    """
    is_kept = pc.is_null(table["reason"])
    rejected = table.filter(pc.invert(is_kept))
    rejected = rejected.append_column(schemas.REJECTS.field("image"), pa.nulls(rejected.num_rows, pa.binary()))
    rejects = rejected.select(schemas.REJECTS.names).cast(schemas.REJECTS)
    captions = table.filter(is_kept).select(kept.names).cast(kept)
    return Shard(table.num_rows, {"captions": captions}, rejects, metrics or {})
