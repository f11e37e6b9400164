"""The artifact a stage is writing: shards with markers, other files, counts, metrics and progress."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from models.config import Frozen
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Counts, FileRecord, TrainerRecord
from tasks.engine.lock import check_owner, lease_uri
from tasks.engine.row_groups import TableFile, table_bytes
from tasks.engine.shards import map_shards
from tasks.settings import Settings


@dataclass(frozen=True)
class Progress:
    """How far a stage is, `what` being the unit. `eta_s` is the estimated time left, None while it is unknown.

    `pictures` are PNG files of the state of a training, replaced from time to time; `curves` are files of what it has
    logged, one JSON object a line. `waits` says why the work stands still or has not begun; empty while it goes on.
    """

    done: int
    total: int
    what: str
    eta_s: float | None = None
    pictures: tuple[Path, ...] = ()
    waits: str = ""
    curves: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Shard:
    """The result of a stage for one item of its input.

    `tables` go to `{kind}-{index:05d}.parquet`, the rejects beside them; those in several files have their numbers in
    the names too. `rows_in` must be the rows of all tables plus the rejects. `metrics` are added up over the shards.
    Large tables are written to a `TableFile` by the stage.
    """

    rows_in: int
    tables: Mapping[str, pa.Table | TableFile]
    rejects: pa.Table | TableFile = field(default_factory=schemas.REJECTS.empty_table)
    metrics: Mapping[str, float] = field(default_factory=dict)


class ShardMarker(Frozen):
    """Written when a shard is finished, so that a later run makes only those that are missing."""

    index: int
    rows_in: int
    rows_out: int
    rejected: dict[str, int]
    metrics: dict[str, int | float]
    files: tuple[FileRecord, ...]


class Output:
    """Passed to a stage's function, which writes all its files, counts and metrics through it.

    Attributes:
        uri: URL of the artifact's folder.
        watch: to be called with the stage's progress.
        metrics: goes into the manifest.
        trainer: what a training says of itself, for the record of the run.
    """

    def __init__(self, uri: str, settings: Settings, watch: Callable[[Progress], None], owner: str) -> None:
        self.uri = uri
        self._owner = owner
        self.settings = settings
        self.watch = watch
        self.metrics: dict[str, Any] = {}
        self.trainer: TrainerRecord | None = None
        self._counts: list[Counts] = []
        self._files: list[FileRecord] = []

    @property
    def _scratch(self) -> Path:
        stage, fingerprint = self.uri.split("/")[-2:]
        return self.settings.local_work / stage / fingerprint

    @property
    def scratch(self) -> Path:
        """Local folder for unfinished work; survives a kill, removed once the manifest is written.

        Raises:
            StorageError: the work folder cannot be written.
        """
        folder = self._scratch
        with storage.plain_errors(str(folder), "write", "--work-dir"):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def exchange(self) -> str:
        """URL of a folder, in the artifact's, for what the workers hand to each other. It survives a kill."""
        return f"{self.uri}/exchange"

    def remove_exchange(self) -> None:
        """Removes that folder."""
        check_owner(lease_uri(self.uri), self._owner)
        storage.remove_folder(self.exchange)

    def map(
        self,
        work: Callable[[Any], Shard],
        items: Sequence[Any],
        unit: str = "rows",
        afterwards: Callable[[], None] | None = None,
    ) -> list[ShardMarker]:
        """Runs `work` on every item whose shard is not finished yet, and writes each result as a shard.

        Adds the counts and metrics of all shards to those of the stage. `afterwards` runs at the end in every process
        that may have worked, to free what `work` keeps between shards.

        Returns:
            The markers of all shards, in the order of the items.
        """
        finish = partial(finish_shard, self.uri, self._owner, work)
        markers: list[ShardMarker] = self.each(finish, list(enumerate(items)), "shards", afterwards)
        for marker in markers:
            self._files.extend(marker.files)
            self.account(Counts(unit=unit, **marker.model_dump(include={"rows_in", "rows_out", "rejected"})))
            for name, value in marker.metrics.items():
                self.metrics[name] = self.metrics.get(name, 0) + value
        return markers

    def each(
        self,
        work: Callable[[Any], Any],
        items: Sequence[Any],
        what: str,
        afterwards: Callable[[], None] | None = None,
    ) -> list[Any]:
        """`map_shards` with progress, `what` being its unit; writes nothing."""
        done = 0

        def count(_: Any) -> None:
            nonlocal done
            done += 1
            self.watch(Progress(done, len(items), what))

        self.watch(Progress(0, len(items), what))
        return map_shards(work, items, self.settings, count, afterwards)

    def write(self, path: str, data: bytes, rows: int | None = None) -> None:
        """Adds a file to the artifact, at `path` inside it."""
        check_owner(lease_uri(self.uri), self._owner)
        self._files.append(_write_file(self.uri, path, data, rows))

    def account(self, counts: Counts) -> None:
        """Adds to the stage's row counts. `map` does it for its shards."""
        self._counts.append(counts)

    def counts(self) -> Counts:
        """The sum of all counts added so far."""
        rejected: Counter[str] = Counter()
        for counts in self._counts:
            rejected.update(counts.rejected)
        return Counts(
            unit=self._counts[0].unit if self._counts else "rows",
            rows_in=sum(c.rows_in for c in self._counts),
            rows_out=sum(c.rows_out for c in self._counts),
            rejected=dict(sorted(rejected.items())),
        )

    def files(self) -> tuple[FileRecord, ...]:
        """Records of all files added so far, sorted by path."""
        return tuple(sorted(self._files, key=lambda record: record.path))

    def clear_scratch(self) -> None:
        """Removes the scratch folder, if the stage used it."""
        shutil.rmtree(self._scratch, ignore_errors=True)


def finish_shard(uri: str, owner: str, work: Callable[[Any], Shard], numbered: tuple[int, Any]) -> ShardMarker:
    """Makes one shard and its marker, or returns the marker if it is finished. Runs in a Dask worker.

    Raises:
        LeaseLostError: the artifact is not this owner's to write any more.
    """
    index, item = numbered
    marker_uri = f"{uri}/shards/{index:05d}.json"
    if storage.exists(marker_uri):
        found = ShardMarker.model_validate(storage.read_json(marker_uri))
        if all(storage.size_bytes(f"{uri}/{record.path}") == record.bytes for record in found.files):
            return found
    shard = work(item)
    try:
        check_owner(lease_uri(uri), owner)
        marker = _store(uri, index, shard)
    finally:
        for table in (*shard.tables.values(), shard.rejects):
            if isinstance(table, TableFile):
                table.close()
    check_owner(lease_uri(uri), owner)
    storage.write_json(marker_uri, marker.model_dump(mode="json"))
    return marker


def _store(uri: str, index: int, shard: Shard) -> ShardMarker:
    tables = {**shard.tables, "rejects": shard.rejects}
    return ShardMarker(
        index=index,
        rows_in=shard.rows_in,
        rows_out=sum(table.num_rows for table in shard.tables.values()),
        rejected=_reasons(shard.rejects),
        metrics=dict(shard.metrics),
        files=tuple(
            record
            for kind, table in tables.items()
            if table.num_rows
            for record in _write_table(uri, f"{kind}-{index:05d}", table)
        ),
    )


def _reasons(rejects: pa.Table | TableFile) -> dict[str, int]:
    """How many rows have each reason."""
    if isinstance(rejects, pa.Table):
        return dict(Counter(rejects["reason"].to_pylist()))
    found: Counter[str] = Counter()
    for path, _ in rejects.finish():
        found.update(pq.read_table(path, columns=["reason"])["reason"].to_pylist())
    return dict(found)


def _write_table(uri: str, name: str, table: pa.Table | TableFile) -> Iterator[FileRecord]:
    if not isinstance(table, TableFile):
        yield _write_file(uri, f"{name}.parquet", table_bytes(table), table.num_rows)
        return
    files = table.finish()
    for number, (file, rows) in enumerate(files):
        path = f"{name}.parquet" if len(files) == 1 else f"{name}-{number:05d}.parquet"
        storage.write_file(f"{uri}/{path}", file)
        digest = storage.sha256_of_file(str(file))
        yield FileRecord(path=path, bytes=file.stat().st_size, sha256=digest, rows=rows)


def _write_file(uri: str, path: str, data: bytes, rows: int | None) -> FileRecord:
    storage.write_bytes(f"{uri}/{path}", data)
    return FileRecord(path=path, bytes=len(data), sha256=storage.sha256(data), rows=rows)
