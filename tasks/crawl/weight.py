"""The share of a source that is taken: so sources of very different sizes can be mixed."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks import schemas
from tasks.crawl.lists.files import ROWS_PER_SHARD
from tasks.engine.output import Shard
from tasks.engine.row_groups import TableFile
from tasks.settings import Settings

HASHES = 1 << 32
ROWS_AT_ONCE = 20_000


def weighted(shard: Shard, weight: float, settings: Settings) -> Shard:
    """The shard with this share of its images as candidates; the others are rejects, `left_out_by_weight`.

    A hash of the URL decides. So an image stays with all its captions and whatever split they state, or goes with
    them; and a larger weight takes the same images and more.
    """
    candidates = shard.tables["candidates"]
    if isinstance(candidates, pa.Table):
        kept, left_out = _parted(candidates, weight)
        return replace(shard, tables={"candidates": kept}, rejects=pa.concat_tables([shard.rejects, left_out]))
    kept_file = TableFile(schemas.CANDIDATES, settings, ROWS_PER_SHARD)
    try:
        for table in _batches(candidates):
            kept, left_out = _parted(table, weight)
            kept_file.add(kept)
            shard.rejects.add(left_out)
    except BaseException:
        kept_file.close()
        shard.rejects.close()
        raise
    finally:
        candidates.close()
    return replace(shard, tables={"candidates": kept_file})


def is_taken(url: str, weight: float) -> bool:
    """Whether the images of a URL are among those that a source of this weight gives."""
    digest = hashlib.sha256(f"weight {url}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:4], "big") < weight * HASHES


def _parted(table: pa.Table, weight: float) -> tuple[pa.Table, pa.Table]:
    """The candidates that are taken, and the rejects that the others become."""
    taken = pa.array([is_taken(url, weight) for url in table["url"].to_pylist()], pa.bool_())
    reasons = pc.if_else(taken, pa.scalar(None, pa.string()), "left_out_by_weight")
    details = pa.repeat(f"weight {weight:g}", table.num_rows)
    return table.filter(taken), schemas.rejects(table.rename_columns({"alt": "caption"}), reasons, details)


def _batches(table: TableFile) -> Iterator[pa.Table]:
    for path, _ in table.finish():
        with pq.ParquetFile(path) as file:
            yield from (pa.Table.from_batches([batch]) for batch in file.iter_batches(ROWS_AT_ONCE))
