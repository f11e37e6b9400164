"""How far the pipeline of a config is: one row for each stage, read from storage alone."""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from models.files import PROGRESS
from tasks.engine import storage
from tasks.engine.artifact import MANIFEST, Artifact
from tasks.engine.lock import is_held, lease_uri
from tasks.engine.meter import duration
from tasks.errors import DamagedArtifactError
from tasks.settings import Settings

State = Literal["finished", "partial", "absent", "damaged", "busy"]


@dataclass(frozen=True)
class StageStatus:
    """One row. `note` adds details to the state, such as the number of finished shards or the damaged file."""

    stage: str
    fingerprint: str
    state: State
    note: str = ""
    rows_in: int | None = None
    rows_out: int | None = None
    rejected: int | None = None
    made: str | None = None
    seconds: float | None = None

    def row(self) -> dict[str, Any]:
        return asdict(self)


def status(plan: list[Artifact], settings: Settings, verify: bool = False) -> Iterator[StageStatus]:
    """The state of every planned artifact.

    Args:
        verify: re-read every file and compare digests, not sizes alone.
    """
    used = set(_inputs(plan))
    for artifact in plan:
        yield _status_of(artifact, settings, verify, used)


def _inputs(plan: list[Artifact]) -> Iterator[str]:
    """Addresses of what the finished artifacts were made from."""
    for artifact in plan:
        if storage.exists(artifact.file(MANIFEST)):
            with suppress(DamagedArtifactError):
                yield from artifact.manifest().inputs.values()


def _status_of(artifact: Artifact, settings: Settings, verify: bool, used: Collection[str]) -> StageStatus:
    try:
        if is_held(lease_uri(artifact.uri)):
            return _short(artifact, "busy", _progress(artifact, settings))
    except DamagedArtifactError as error:
        return _short(artifact, "damaged", str(error))
    if not storage.exists(artifact.file(MANIFEST)):
        if artifact.address in used and storage.names(artifact.uri):  # a folder that is gone was removed on purpose
            return _short(artifact, "damaged", f"{artifact.address}/{MANIFEST} is missing")
        note = _progress(artifact, settings)
        return _short(artifact, "partial" if note else "absent", note)
    try:
        problems = artifact.damage() if verify else list(_wrong_sizes(artifact))
    except DamagedArtifactError as error:
        problems = [str(error)]
    return _short(artifact, "damaged", "; ".join(problems)) if problems else _finished(artifact)


def _short(artifact: Artifact, state: State, note: str) -> StageStatus:
    return StageStatus(artifact.stage, artifact.fingerprint, state, note)


def _finished(artifact: Artifact) -> StageStatus:
    manifest = artifact.manifest()
    counts = manifest.counts
    return StageStatus(
        artifact.stage,
        artifact.fingerprint,
        "finished",
        "made by other code" if manifest.is_by_other_code else "",
        rows_in=counts.rows_in or None,
        rows_out=counts.rows_out if counts.rows_in else None,
        rejected=sum(counts.rejected.values()) if counts.rows_in else None,
        made=manifest.run.started,
        seconds=manifest.run.seconds,
    )


def _wrong_sizes(artifact: Artifact) -> Iterator[str]:
    for record in artifact.manifest().outputs:
        size = storage.size_bytes(artifact.file(record.path))
        if size is None:
            yield f"{artifact.address}/{record.path} is missing"
        elif size != record.bytes:
            yield f"{artifact.address}/{record.path} has {size} bytes instead of {record.bytes}"


def _progress(artifact: Artifact, settings: Settings) -> str:
    """How far an unfinished stage is; empty if nothing is done."""
    shards = sum(name.endswith(".json") for name in storage.names(artifact.file("shards")))
    if shards:
        return f"{shards} shard{'s' if shards > 1 else ''} done"
    training = settings.local_work / artifact.stage / artifact.fingerprint / PROGRESS
    if training.exists():
        with suppress(ValueError, KeyError, TypeError):  # damaged; the trainer writes it anew
            now = json.loads(training.read_text())
            return f"step {now['step']:,} of {now['steps']:,}"
        return "training begun"
    return ""


def table(rows: Iterable[StageStatus]) -> Table:
    """All rows, for a terminal."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("stage", "fingerprint", "state", "in", "out", "rejected", "made (UTC)", "took", ""):
        drawn.add_column(name, justify="right" if name in ("in", "out", "rejected") else "left", no_wrap=name != "")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in _cells(row)))
    return drawn


def _cells(status: StageStatus) -> tuple[str, ...]:
    rows = [f"{value:,}" if value is not None else "" for value in (status.rows_in, status.rows_out, status.rejected)]
    took = duration(status.seconds) if status.seconds is not None else ""
    made = status.made.replace("T", " ").removesuffix("+00:00") if status.made else ""
    return (status.stage, status.fingerprint, status.state, *rows, made, took, status.note)
