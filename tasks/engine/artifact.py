"""Artifacts: immutable folders `{root}/{stage}/{fingerprint}/` described by a manifest that is written last."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field

from models.config import Frozen
from tasks.engine import storage
from tasks.engine.code import CodeRecord, is_other
from tasks.errors import DamagedArtifactError

MANIFEST = "manifest.json"
FINGERPRINT = re.compile("[0-9a-f]{16}")


class FileRecord(Frozen):
    """One stored file: its path inside the artifact, its digest, and its rows where it is a table."""

    path: str
    bytes: int
    sha256: str
    rows: int | None = None


class Counts(Frozen):
    """Row counts of a stage: `rows_in == rows_out + sum(rejected)`, checked before the manifest is written."""

    unit: str = "rows"
    rows_in: int = 0
    rows_out: int = 0
    rejected: dict[str, int] = Field(default_factory=dict)

    @property
    def totals(self) -> tuple[int, int, int]:
        """Rows in, out and rejected."""
        return self.rows_in, self.rows_out, sum(self.rejected.values())

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows_in == self.rows_out + sum(self.rejected.values())


class GPURecord(Frozen):
    """A GPU of the machine while a stage ran.

    Attributes:
        joules: that its board took in that time, from the driver's readings; None where the driver gives none.
        board_power_w: the most that the driver lets the board take; None where it does not say.
    """

    name: str
    joules: float | None = None
    board_power_w: float | None = None


class TrainerRecord(Frozen):
    """What a training says of itself, wherever it ran.

    Attributes:
        device: as the driver names the GPU, or `cpu x8` with the threads.
        processes: of all machines, each with a device.
        seconds: in the training loop, those of attempts that were killed included, as far as they were not lost.
    """

    device: str
    processes: int
    seconds: float


class RunRecord(Frozen):
    """When, where and with which library versions the work was done. The only part of a manifest that differs between
    two equal runs.

    Attributes:
        started: UTC, ISO 8601.
        peak_memory_mb: MiB, of the process with all its children.
        cpu_seconds: that processors worked for the process and all its children; None where work was done on other
            machines, and in manifests older than this field.
        gpus: of this machine; empty where there are none, or work was done on other machines.
        trainer: of a training; None in manifests older than this field.
        code: that did it; None in manifests older than this field.
    """

    started: str
    seconds: float
    peak_memory_mb: float
    host: str
    versions: dict[str, str]
    cpu_seconds: float | None = None
    gpus: tuple[GPURecord, ...] = ()
    trainer: TrainerRecord | None = None
    code: CodeRecord | None = None


class Manifest(Frozen):
    """What an artifact is, what it was made from, and how many rows were kept and rejected."""

    stage: str
    version: int
    fingerprint: str
    config: dict[str, Any]
    inputs: dict[str, str] = Field(description="Address under the root of each input artifact, by name.")
    outputs: tuple[FileRecord, ...]
    counts: Counts
    metrics: dict[str, Any]
    run: RunRecord

    @property
    def is_by_other_code(self) -> bool:
        """Whether the stage's code is not what it was when this artifact was made."""
        return is_other(self.run.code)


class Artifact(Frozen):
    """A reference to an artifact, small enough to hand from task to task."""

    root: str
    stage: str
    fingerprint: str

    @property
    def address(self) -> str:
        """`stage/fingerprint`: the same for the same work, wherever it is stored."""
        return f"{self.stage}/{self.fingerprint}"

    @property
    def uri(self) -> str:
        """URL of the artifact's folder."""
        return f"{self.root.rstrip('/')}/{self.address}"

    def file(self, path: str) -> str:
        """URL of one file of this artifact."""
        return f"{self.uri}/{path}"

    def manifest(self) -> Manifest:
        """The manifest, read from storage at each call.

        Raises:
            FileNotFoundError: the artifact is not finished.
            DamagedArtifactError: its manifest cannot be read.
        """
        data = storage.read_bytes(self.file(MANIFEST))
        try:
            return Manifest.model_validate_json(data)
        except ValueError as error:
            raise DamagedArtifactError(
                f"{self.file(MANIFEST)} cannot be read as a manifest: delete {self.uri} and run again."
            ) from error

    def files(self, kind: str) -> list[str]:
        """URLs of the shards of one kind (`kind-00000.parquet`, …), in shard order."""
        return [
            self.file(record.path)
            for record in self.manifest().outputs
            if record.path.startswith(f"{kind}-") and record.path.endswith(".parquet")
        ]

    def is_finished(self) -> bool:
        """Whether the manifest exists, and every file it lists exists with the recorded size.

        Raises:
            DamagedArtifactError: its manifest cannot be read.
        """
        if not storage.exists(self.file(MANIFEST)):
            return False
        return all(storage.size_bytes(self.file(f.path)) == f.bytes for f in self.manifest().outputs)

    def damage(self) -> list[str]:
        """Re-reads every file and compares digests; one sentence for each missing or changed file."""
        return [problem for record in self.manifest().outputs if (problem := self._damage_of(record))]

    def _damage_of(self, record: FileRecord) -> str | None:
        try:
            digest = storage.sha256_of_file(self.file(record.path))
        except FileNotFoundError:
            return f"{self.address}/{record.path} is missing"
        if digest != record.sha256:
            return f"{self.address}/{record.path} is not the file that was written (its digest is another)"
        return None

    def require_whole(self) -> None:
        """Re-reads every file.

        Raises:
            DamagedArtifactError: a file is missing or is not the one that was written.
        """
        if problems := self.damage():
            raise DamagedArtifactError(f"{problems[0]}: delete {self.uri} and run again to make it anew.")

    def read(self, path: str) -> bytes:
        """One of the artifact's files.

        Raises:
            DamagedArtifactError: it is missing or is not the one that was written.
        """
        record = next((record for record in self.manifest().outputs if record.path == path), None)
        with suppress(FileNotFoundError):
            data = storage.read_bytes(self.file(path))
            if record is not None and storage.sha256(data) == record.sha256:
                return data
        raise DamagedArtifactError(
            f"{self.address}/{path} is missing or is not the file that was written: "
            f"delete {self.uri} and run again to make it anew."
        )

    def inputs(self) -> dict[str, "Artifact"]:
        """The input artifacts by name, as the manifest records them."""
        return {
            name: Artifact(root=self.root, stage=address.split("/")[0], fingerprint=address.split("/")[1])
            for name, address in self.manifest().inputs.items()
        }


def lineage(artifact: Artifact) -> Iterator[Artifact]:
    """The artifact and everything it was made from, nearest first, each once."""
    seen: set[str] = set()
    waiting = [artifact]
    while waiting:
        current = waiting.pop(0)
        if current.address not in seen:
            seen.add(current.address)
            yield current
            waiting.extend(current.inputs().values())


def is_artifact_folder(folder: Path) -> bool:
    """Whether a local folder is an artifact, finished or not, or one that a stopped run left behind."""
    if not FINGERPRINT.fullmatch(folder.name):
        return False
    marks = folder / MANIFEST, folder / "shards", folder.with_name(f"{folder.name}.lock")
    return any(mark.exists() for mark in marks)


def fingerprint(stage: str, version: int, config: dict[str, Any], outside: str, inputs: dict[str, str]) -> str:
    """16 hex digits: the start of a SHA-256 over stage, version, config, outside state and the inputs' addresses."""
    description = {"stage": stage, "version": version, "config": config, "outside": outside, "inputs": inputs}
    canonical = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
