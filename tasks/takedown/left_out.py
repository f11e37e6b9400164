"""A shard of images without the rows that have been taken down. Knows nothing of what decided about them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.engine.artifact import Artifact

REASON = "taken_down"
TWIN = re.compile(r"same as ([0-9a-f]{16})(?:, cosine [01]\.\d+)?")  # the detail of a duplicate, as dedup writes it


@dataclass(frozen=True)
class PairShard:
    """A shard of images. `taken_down`: the table of those rows of it that are left out, if there are any."""

    uri: str
    taken_down: str | None = None

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Some columns of the rows that are left."""
        return pa.concat_tables(left for left, _ in self.batches(columns, rows=65_536))

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[tuple[pa.Table, pa.Table]]:
        """The rows that are left, and rejects for the others, in tables of at most so many rows.

        A reject keeps neither image nor caption: it says which row was left out, and why.
        """
        why = self._why()
        ids = pa.array(list(why), pa.string())
        wanted = list(dict.fromkeys([*columns, "pair_id", "url"]))
        for batch in schemas.read_batches(self.uri, wanted if why else columns, rows):
            if not why:
                yield batch, schemas.REJECTS.empty_table()
                continue
            gone = pc.is_in(batch["pair_id"], value_set=ids)
            yield batch.filter(pc.invert(gone)).select(columns), _rejects(batch.filter(gone), why)

    def _why(self) -> dict[str, str]:
        """By which takedown each row is left out, by its pair id."""
        if self.taken_down is None:
            return {}
        table = schemas.read_table(self.taken_down, ["pair_id", "takedown"])
        return dict(zip(table["pair_id"].to_pylist(), table["takedown"].to_pylist(), strict=True))


def pair_shards(images: Artifact, takedowns: Artifact | None) -> dict[str, PairShard]:
    """The shards of images by their URI, in order. Each table of `takedowns` has the number of its shard in its name.

    Args:
        takedowns: of `match_takedowns` for these images; None if nothing is left out.
    """
    tables = {uri.rsplit("-", 1)[-1]: uri for uri in takedowns.files(REASON)} if takedowns is not None else {}
    return {
        uri: PairShard(uri, tables.get(f"{number:05d}.parquet")) for number, uri in enumerate(images.files("images"))
    }


def _rejects(rows: pa.Table, why: Mapping[str, str]) -> pa.Table:
    nothing = pa.nulls(rows.num_rows)
    table = {
        "pair_id": rows["pair_id"],
        "reason": pa.array([REASON] * rows.num_rows, pa.string()),
        "detail": pa.array([why[each] for each in rows["pair_id"].to_pylist()], pa.string()),
        "url": rows["url"],
        "caption": nothing,
        "image": nothing,
    }
    return pa.table(table).cast(schemas.REJECTS)
