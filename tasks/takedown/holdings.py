"""Where what is taken down lies under a root: rows of tables, by addresses and ids alone, a table at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.dedup.stage import dedup
from tasks.pack import pack
from tasks.takedown.matching import ADDRESSES, IMAGE, ORIGINAL, Matcher
from tasks.takedown.stage import (
    IMAGES_AT_ONCE,
    ROWS_AT_ONCE,
    kept_for,
    match_takedowns,
    urls_of,
)
from tasks.takedown.stored import StoredArtifact, made_from
from tasks.takedown.takedowns import Takedown

PAIR = "pair_id"
READ = frozenset({PAIR, *ADDRESSES, ORIGINAL, IMAGE})

Item = TypeVar("Item")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class TableHit:
    """Rows of a table, numbered from 0 as they stand in its file. `finished`: whether its artifact is."""

    artifact: str
    file: str
    rows: tuple[int, ...]
    finished: bool = True


@dataclass(frozen=True)
class MadeHit:
    """An artifact that holds no row of it, or a folder of models, and what it has to do with it."""

    artifact: str
    how: str


@dataclass(frozen=True)
class PairTable:
    """A table with pair ids, and the columns it has of those that can be compared."""

    stored: StoredArtifact
    file: str
    columns: frozenset[str]

    @property
    def uri(self) -> str:
        return self.stored.artifact.file(self.file)

    def is_of(self, stage: str, kind: str) -> bool:
        return self.stored.artifact.stage == stage and self.file.startswith(f"{kind}-")


def table_hits(takedowns: Sequence[Takedown], known: Mapping[str, StoredArtifact], tell: Tell) -> list[TableHit]:
    """The rows of all tables that hold what is taken down, as `match_takedowns` understands it.

    Images are read only where there is a digest to compare with, and of an artifact that was made from another one with
    images, none: they are the same.

    Args:
        known: the artifacts, by address.
        tell: is told how far it is.

    Raises:
        DamagedArtifactError: a table cannot be read.
        StorageError: the storage cannot be read.
    """
    files = [(stored, file) for stored in known.values() for file in stored.tables if not _says_so(stored, file)]
    tables = [table for stored, file in _told(files, "opened", tell) if (table := _opened(stored, file)) is not None]
    addressed = [table for table in tables if "url" in table.columns]
    matcher = Matcher(takedowns)
    first = _first_with_images(addressed, known)
    urls, pairs = set[str](), set[str]()
    for table in _told(addressed, "compared", tell):
        _match(matcher, table, table.stored.address in first, urls, pairs)
    twins: dict[str, int] = {}
    for table in addressed:
        if table.is_of(dedup.name, "rejects"):
            twins |= kept_for(dict.fromkeys(pairs, 0), table.uri)
    for table in addressed:
        if twins and table.is_of(dedup.name, "images"):
            urls |= {url for url, _ in urls_of(twins, table.uri)}
    hits = []
    # Tables with addresses first: they tell the ids by which rows of the others are known.
    for table in _told(sorted(tables, key=lambda each: "url" not in each.columns), "looked through", tell):
        if rows := _rows(table, urls, pairs):
            hits.append(TableHit(table.stored.address, table.file, rows, table.stored.manifest is not None))
    return sorted(hits, key=lambda hit: (hit.artifact, hit.file))


def _says_so(stored: StoredArtifact, file: str) -> bool:
    """Whether a table holds nothing of a pair but that it was taken down."""
    stage = stored.artifact.stage
    return stage == match_takedowns.name or (stage == pack.name and file.startswith("rejects-"))


def _opened(stored: StoredArtifact, file: str) -> PairTable | None:
    with schemas.opened_shard(stored.artifact.file(file)) as shard:
        columns = READ & {*shard.schema_arrow.names}
    return PairTable(stored, file, columns) if PAIR in columns else None


def _match(matcher: Matcher, table: PairTable, images: bool, urls: set[str], pairs: set[str]) -> None:
    """Adds addresses and ids of the rows that are taken down."""
    columns = [PAIR, *matcher.columns(sorted(table.columns), images)]
    for batch in schemas.read_batches(table.uri, columns, IMAGES_AT_ONCE if IMAGE in columns else ROWS_AT_ONCE):
        for row in matcher.matches(batch):
            urls.add(batch["url"][row].as_py())
            pairs.add(batch[PAIR][row].as_py())


def _rows(table: PairTable, urls: Collection[str], pairs: set[str]) -> tuple[int, ...]:
    """Numbers of the rows with one of the addresses, or where there are none, ids; adds the ids of these rows."""
    by = "url" if "url" in table.columns else PAIR
    wanted = pa.array(sorted(urls if by == "url" else pairs), pa.string())
    found: list[int] = []
    start = 0
    for batch in schemas.read_batches(table.uri, sorted({PAIR, by}), ROWS_AT_ONCE):
        rows = pc.indices_nonzero(pc.is_in(batch[by], value_set=wanted))
        found += (start + row for row in rows.to_pylist())
        pairs.update(batch[PAIR].take(rows).to_pylist())
        start += batch.num_rows
    return tuple(found)


def _first_with_images(tables: Iterable[PairTable], known: Mapping[str, StoredArtifact]) -> set[str]:
    """Addresses of the artifacts with images that were not made from others with images."""
    tables = list(tables)
    holding = {t.stored.address for t in tables if IMAGE in t.columns and not t.file.startswith("rejects-")}
    return {t.stored.address for t in tables if not made_from(t.stored, known) & holding}


def _told(items: Sequence[Item], done: str, tell: Tell) -> Iterator[Item]:
    for number, item in enumerate(items):
        tell(f"{number:,} of {len(items):,} tables {done}")
        yield item
