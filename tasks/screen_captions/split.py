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
    captions = table.filter(pc.is_null(table["reason"])).select(kept.names).cast(kept)
    rejects = schemas.rejects(table.drop_columns(["reason", "detail"]), table["reason"], table["detail"])
    return Shard(table.num_rows, {"captions": captions}, rejects, metrics or {})
