"""What is known of a run, read from its artifacts; everything is optional but the manifests."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from models.files import CURVES
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact, Manifest, RunRecord, lineage
from tasks.errors import DamagedArtifactError
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.funnel.figures import FIGURES, Funnel
from tasks.report.energy import Energy
from tasks.report.figures import ReportFigures, StageAccount, finite
from tasks.report.provenance import Provenance
from tasks.study.figures import StudyFigures
from tasks.train.finished import TRAINED_ON, other_training

Figures = TypeVar("Figures", bound=BaseModel)
PICTURES = ("samples", "scores")  # kinds of shards whose images have the size the models see


@dataclass(frozen=True)
class Finished:
    """A finished stage: where it lies and what its manifest says."""

    artifact: Artifact
    manifest: Manifest

    def rows(self, kind: str) -> Iterator[dict[str, Any]]:
        """Rows of all shards of a kind, in their order."""
        for uri in self.artifact.files(kind):
            yield from schemas.read_table(uri).to_pylist()

    def count(self, kind: str) -> int:
        return sum(f.rows or 0 for f in self.manifest.outputs if f.path.startswith(f"{kind}-"))

    @property
    def account(self) -> StageAccount:
        kept = self.manifest.model_dump(exclude={"outputs", "stage"})
        return StageAccount(**finite(kept), bytes=sum(record.bytes for record in self.manifest.outputs))

    @property
    def training(self) -> str:
        """Steps, batch and seed of a training, in words; empty for other stages."""
        settings = self.manifest.config.get("training") or {}
        named = {"steps": "steps", "batch_size": "batches of", "seed": "seed"}
        return ", ".join(f"{said} {settings[name]}" for name, said in named.items() if name in settings)

    def has(self, path: str) -> bool:
        return any(record.path == path for record in self.manifest.outputs)


@dataclass(frozen=True)
class RunFacts:
    """The finished stages of a run by name, each after those it was made from, and what the evaluation measured.

    `funnel` is what became of the data: None where that was not gathered. `study` is what people said of the pictures.
    `energy` is what it took, as the report's config counts it.
    """

    stages: Mapping[str, Finished]
    evaluation: Evaluation | None = None
    funnel: Funnel | None = None
    origin: Provenance = field(default_factory=Provenance)
    study: StudyFigures | None = None
    energy: Energy | None = None

    def get(self, stage: str) -> Finished | None:
        return self.stages.get(stage)

    @property
    def runs(self) -> dict[str, RunRecord]:
        """When and where each stage was done, and what it took."""
        return {name: done.manifest.run for name, done in self.stages.items()}

    @property
    def addresses(self) -> dict[str, str]:
        """Of the artifact of each stage."""
        return {name: done.artifact.address for name, done in self.stages.items()}

    @cached_property
    def other_training(self) -> str | None:
        """What is to be said of finished models, measured here or started from, that were not trained on this run's
        pairs alone; None for others.
        """
        finished, pack = self.get("take_generator"), self.get("pack")
        if finished is None or pack is None:
            return None
        is_start = self.get("train_prior") is not None
        return other_training(finished.manifest.metrics[TRAINED_ON], pack.artifact, is_start)

    @cached_property
    def data_stages(self) -> dict[str, Finished]:
        """The stages that gathered the training pairs: `pack` and what it was made from, or all where it is missing."""
        pack = self.get("pack")
        if pack is None:
            return dict(self.stages)
        names = {artifact.stage for artifact in lineage(pack.artifact)}
        return {name: done for name, done in self.stages.items() if name in names}

    @cached_property
    def image_size(self) -> int | None:
        """Side of the generated images, pixels; None before there are any."""
        from models.training.errors import DataError
        from models.training.images import decode

        for done in self.stages.values():
            for kind in PICTURES:
                for row in done.rows(kind):
                    with suppress(DataError):
                        return int(decode(row["image"]).shape[0])
        return None

    @cached_property
    def curves(self) -> dict[str, list[dict[str, float]]]:
        """The logged steps of every training, by stage."""
        return {name: steps for name, done in self.stages.items() if (steps := _logged(done))}

    def work(self, stage: str) -> tuple[int, str] | None:
        """What a stage went through: examples of a training, as often as each was seen, or rows; None where nothing."""
        manifest = self.stages[stage].manifest
        if steps := self.curves.get(stage):
            batch_size = manifest.config.get("training", {}).get("batch_size")
            return (int(steps[-1]["step"]) * batch_size, "examples") if batch_size else None
        return (manifest.counts.rows_in, manifest.counts.unit) if manifest.counts.rows_in else None

    @property
    def seconds(self) -> float:
        """Time of all stages, added up: that of the run that did the work, where a stage was reused."""
        return sum(done.manifest.run.seconds for done in self.stages.values())

    @property
    def finished(self) -> datetime | None:
        """When the last of the stages ended, UTC."""
        runs = [done.manifest.run for done in self.stages.values()]
        ends = [datetime.fromisoformat(run.started) + timedelta(seconds=run.seconds) for run in runs]
        return max(ends, default=None)

    @property
    def peak_memory_mb(self) -> float:
        return max((done.manifest.run.peak_memory_mb for done in self.stages.values()), default=0.0)

    def figures(self) -> ReportFigures:
        """Everything the page says in numbers."""
        return ReportFigures(
            finished=self.finished.isoformat(timespec="seconds") if self.finished else None,
            commit=self.origin.commit,
            command=self.origin.command,
            seconds=round(self.seconds, 2),
            peak_memory_mb=self.peak_memory_mb,
            stages={name: done.account for name, done in self.stages.items()},
            funnel=self.funnel,
            evaluation=self.evaluation,
            study=self.study,
            energy=self.energy,
            curves=self.curves,
        )


def gather(artifacts: Iterable[Artifact], origin: Provenance | None = None) -> RunFacts:
    """The given artifacts and all they were made from; of two of one stage, the nearer to the end counts.

    Raises:
        DamagedArtifactError: the figures of the evaluation or the funnel are not in the form of this version.
    """
    found: dict[str, Artifact] = {}
    for artifact in artifacts:
        for each in lineage(artifact):
            found.setdefault(each.stage, each)
    stages = {name: Finished(artifact, artifact.manifest()) for name, artifact in found.items()}
    return RunFacts(
        stages=_in_order_of_work(stages),
        evaluation=_figures(stages.get("evaluate"), METRICS, Evaluation, "evaluate again"),
        funnel=_figures(stages.get("funnel"), FIGURES, Funnel, "delete it and run again"),
        origin=origin or Provenance(),
    )


def _in_order_of_work(stages: Mapping[str, Finished]) -> dict[str, Finished]:
    """Each stage after those it was made from, and else in the order in which they started."""
    ordered: dict[str, Finished] = {}
    visited: set[str] = set()

    def visit(name: str) -> None:
        if name in stages and name not in visited:
            visited.add(name)
            for address in stages[name].manifest.inputs.values():
                visit(address.split("/")[0])
            ordered[name] = stages[name]

    for name in sorted(stages, key=lambda name: stages[name].manifest.run.started):
        visit(name)
    return ordered


def _figures(done: Finished | None, path: str, kind: type[Figures], remedy: str) -> Figures | None:
    if done is None or not done.has(path):
        return None
    try:
        return kind.model_validate_json(storage.read_bytes(done.artifact.file(path)))
    except ValidationError as error:
        raise DamagedArtifactError(f"{done.artifact.file(path)} was not written by this version: {remedy}.") from error


def _logged(done: Finished) -> list[dict[str, float]]:
    """Logged steps, oldest first, and the final validation; values that are no numbers are left out.

    A trainer logs `name` for a training batch and `val/name` for a validation; the manifest's metrics are the
    validation of the finished model.
    """
    if not done.has(CURVES):
        return []
    lines = storage.read_bytes(done.artifact.file(CURVES)).decode().splitlines()
    steps = [finite(json.loads(line)) for line in lines if line.strip()]
    final = {f"val/{name}": value for name, value in finite(done.manifest.metrics).items() if _is_number(value)}
    if steps and final:
        steps.append({"step": steps[-1]["step"] + 1} | final)
    return [{name: value for name, value in step.items() if value is not None} for step in steps]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
