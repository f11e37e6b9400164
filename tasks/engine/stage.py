"""A stage: a plain function from a config and input artifacts to one output artifact, done once and then reused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from models.config import Frozen
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import MANIFEST, Artifact, Manifest, fingerprint
from tasks.engine.code import record
from tasks.engine.lock import Lease, check_owner, lease_uri, only_writer
from tasks.engine.meter import Meter
from tasks.engine.output import Output, Progress
from tasks.engine.temporary import keep_caches, sweep
from tasks.errors import RowsLostError
from tasks.settings import Settings


class StageConfig(Frozen):
    """Base of every stage's `Config`. Every field enters the stage's fingerprint, unless `fingerprinted` says else.

    Attributes:
        stands_for: the field that a person may give in place of the whole section; empty if there is none.
    """

    stands_for: ClassVar[str] = ""

    def require(self) -> None:
        """What the stage needs from outside, such as a folder or a package, is there, as far as a moment can tell."""

    def fingerprinted(self) -> dict[str, Any]:
        """The fields as they enter the stage's fingerprint."""
        return self.model_dump(mode="json")

    def outside_state(self) -> str:
        """Digest of what the stage reads besides artifacts, such as a folder of images; empty if there is nothing."""
        return ""


class Observer:
    """Receives the events of a stage. This base class ignores them."""

    def told(self, text: str) -> None:
        """Called between stages with what comes next, where a run has something to say of it."""

    def started(self, stage: "Stage", artifact: Artifact) -> None:
        """Called once the stage's address is known, before it runs or is found to be finished."""

    def progressed(self, stage: "Stage", progress: Progress) -> None:
        """Called up to several times a second."""

    def finished(self, stage: "Stage", outcome: "Outcome") -> None:
        """Called when the artifact is complete, made or reused."""


@dataclass(frozen=True)
class Outcome:
    """The result of calling a stage. `reused`: the artifact was finished before the call."""

    artifact: Artifact
    reused: bool


@dataclass(frozen=True)
class Stage:
    """A stage function with its name, its version and what it reads. Made by the decorator `stage`.

    Attributes:
        headline: names of the metrics that say most about how the work went, for a line in a log.
    """

    name: str
    version: int
    body: Callable[..., None]
    reads: Mapping[str, Mapping[str, pa.Schema]]
    config_type: type[StageConfig]
    headline: tuple[str, ...] = ()

    def artifact(self, config: StageConfig, settings: Settings, **inputs: Artifact) -> Artifact:
        """The artifact for a config and inputs, finished or not. Only computes its address."""
        addresses = {name: artifact.address for name, artifact in inputs.items()}
        name = fingerprint(self.name, self.version, config.fingerprinted(), config.outside_state(), addresses)
        return Artifact(root=storage.absolute(settings.root), stage=self.name, fingerprint=name)

    def __call__(
        self, config: StageConfig, settings: Settings, observers: Sequence[Observer] = (), **inputs: Artifact
    ) -> Outcome:
        """Runs the stage, or reuses its artifact if that is finished.

        Args:
            observers: receive the start, the progress and the end.

        Raises:
            StageBusyError: another process is writing this artifact.
            LeaseLostError: another process took over, because this one was taken for dead.
            SchemaError, DamagedArtifactError: an input is not what the stage reads.
            RowsLostError: the stage did not account for every row.
        """
        artifact = self.artifact(config, settings, **inputs)
        for observer in observers:
            observer.started(self, artifact)
        reused = artifact.is_finished()
        if not reused:
            with only_writer(lease_uri(artifact.uri)) as lease:
                reused = artifact.is_finished()  # by another run, before this one held the lease
                if not reused:
                    self._check_inputs(inputs)
                    self._work(artifact, config, settings, observers, inputs, lease)
        outcome = Outcome(artifact, reused)
        for observer in observers:
            observer.finished(self, outcome)
        return outcome

    def _check_inputs(self, inputs: Mapping[str, Artifact]) -> None:
        for name, artifact in inputs.items():
            for kind, schema in self.reads.get(name, {}).items():
                for shard in artifact.files(kind):
                    schemas.check_shard(shard, schema)

    def _work(
        self,
        artifact: Artifact,
        config: StageConfig,
        settings: Settings,
        observers: Sequence[Observer],
        inputs: Mapping[str, Artifact],
        lease: Lease,
    ) -> None:
        def watch(progress: Progress) -> None:
            lease.check()
            for observer in observers:
                observer.progressed(self, progress)

        sweep(settings)
        keep_caches(settings)
        if storage.is_local(artifact.uri):
            folder = Path(storage.filesystem(artifact.uri)[1])
            storage.remove_unfinished(folder, "**/.*.tmp")
        code = record(self.body.__module__)  # as it is now: files may change while the stage runs
        output = Output(artifact.uri, settings, watch, lease.owner)
        with Meter() as meter:
            self.body(config, output, **inputs)
        counts = output.counts()
        if not counts.balanced:
            raise RowsLostError(
                f"{self.name}: {counts.rows_in} {counts.unit} in, but {counts.rows_out} out and "
                f"{sum(counts.rejected.values())} rejected. This is a bug in the stage; please report it."
            )
        manifest = Manifest(
            stage=self.name,
            version=self.version,
            fingerprint=artifact.fingerprint,
            config=config.model_dump(mode="json"),
            inputs={name: value.address for name, value in inputs.items()},
            outputs=output.files(),
            counts=counts,
            metrics=output.metrics,
            run=meter.record(code, settings.is_on_this_machine, output.trainer),
        )
        check_owner(lease.uri, lease.owner)
        storage.write_json(artifact.file(MANIFEST), manifest.model_dump(mode="json"))
        output.clear_scratch()


def stage(
    config: type[StageConfig],
    version: int = 1,
    reads: Mapping[str, Mapping[str, pa.Schema]] | None = None,
    headline: tuple[str, ...] = (),
) -> Callable[[Callable[..., None]], Stage]:
    """Makes a stage of `body(config, output, **inputs)`; the stage is named after the function.

    Args:
        version: to be incremented when the same config and inputs would give another output than before.
        reads: for each input, the schema of each kind of shard the stage reads from it.
        headline: names of the metrics that say most about how the work went.
    """

    def make(body: Callable[..., None]) -> Stage:
        return Stage(body.__name__, version, body, reads or {}, config, headline)

    return make
