"""A stage: a plain function from a config and input artifacts to one output artifact, done once and then reused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from models.config import Frozen
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import MANIFEST, Artifact, Manifest, fingerprint
from tasks.engine.lock import only_writer
from tasks.engine.meter import Meter
from tasks.engine.output import Output, Progress
from tasks.errors import RowsLostError
from tasks.settings import Settings


class StageConfig(Frozen):
    """Base of the configs at the top of the stage modules. Every field enters the stage's fingerprint."""

    def outside_state(self) -> str:
        """Digest of what the stage reads that is no artifact (a folder of images, say); empty where there is none."""
        return ""


@dataclass(frozen=True)
class Stage:
    """A stage function with its name, its version and what it reads. Made by the decorator `stage`."""

    name: str
    version: int
    body: Callable[..., None]
    reads: Mapping[str, Mapping[str, pa.Schema]]
    config_type: type[StageConfig]

    def artifact(self, config: StageConfig, settings: Settings, **inputs: Artifact) -> Artifact:
        """The artifact this work has or will have. Computes an address; does no work."""
        addresses = {name: artifact.address for name, artifact in inputs.items()}
        name = fingerprint(self.name, self.version, config.model_dump(mode="json"), config.outside_state(), addresses)
        return Artifact(root=storage.absolute(settings.root), stage=self.name, fingerprint=name)

    def __call__(
        self,
        config: StageConfig,
        settings: Settings,
        watch: Callable[[Progress], None] = lambda progress: None,
        **inputs: Artifact,
    ) -> Artifact:
        """Does the work, or finds it done.

        Args:
            watch: hears of progress while the work goes on.

        Raises:
            StageBusyError: another process is writing this artifact.
            SchemaError, DamagedArtifactError: an input is not what the stage reads.
            RowsLostError: the stage did not account for every row.
        """
        artifact = self.artifact(config, settings, **inputs)
        if artifact.is_finished():
            return artifact
        with only_writer(f"{artifact.uri}.lock"):
            if not artifact.is_finished():
                self._check_inputs(inputs)
                self._work(artifact, config, settings, watch, inputs)
        return artifact

    def _check_inputs(self, inputs: Mapping[str, Artifact]) -> None:
        for name, kinds in self.reads.items():
            for kind, schema in kinds.items():
                for shard in inputs[name].files(kind):
                    schemas.check_shard(shard, schema)

    def _work(
        self,
        artifact: Artifact,
        config: StageConfig,
        settings: Settings,
        watch: Callable[[Progress], None],
        inputs: Mapping[str, Artifact],
    ) -> None:
        output = Output(artifact.uri, settings, watch)
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
            run=meter.record(),
        )
        storage.write_json(artifact.file(MANIFEST), manifest.model_dump(mode="json"))
        output.clear_scratch()


def stage(
    config: type[StageConfig], version: int = 1, reads: Mapping[str, Mapping[str, pa.Schema]] | None = None
) -> Callable[[Callable[..., None]], Stage]:
    """Makes a stage of `body(config, output, **inputs)`; the stage is named after the function.

    Args:
        version: raised when the same config and inputs would now give another output.
        reads: for each input, the schema of each kind of shard the stage reads from it.
    """
    return partial(_make_stage, config, version, reads or {})


def _make_stage(
    config: type[StageConfig], version: int, reads: Mapping[str, Mapping[str, pa.Schema]], body: Callable[..., Any]
) -> Stage:
    return Stage(body.__name__, version, body, reads, config)
