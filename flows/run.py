"""Ways to run a stage. The DAG is written once, as functions of a `Run`; here is what that can be without Prefect."""

from typing import Protocol

from tasks.engine.artifact import Artifact
from tasks.engine.output import Progress
from tasks.engine.stage import Stage, StageConfig
from tasks.settings import Settings


class Run(Protocol):
    """Gives the artifact of a stage for a config and inputs."""

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact: ...


class Observer:
    """Hears what becomes of the stages of a run. This one lets it pass."""

    def started(self, artifact: Artifact) -> None:
        """Work on a stage begins, or a look whether it is done already."""

    def progressed(self, artifact: Artifact, progress: Progress) -> None:
        """Heard up to several times a second."""

    def finished(self, artifact: Artifact, reused: bool) -> None:
        """The artifact stands. `reused`: it stood before this run."""


def perform(
    stage: Stage, config: StageConfig, settings: Settings, observers: list[Observer], inputs: dict[str, Artifact]
) -> tuple[Artifact, bool]:
    """Runs one stage here and now, with observers; returns its artifact and whether it was reused."""
    artifact = stage.artifact(config, settings, **inputs)
    reused = artifact.is_finished()
    for observer in observers:
        observer.started(artifact)

    def watch(progress: Progress) -> None:
        for observer in observers:
            observer.progressed(artifact, progress)

    if not reused:
        stage(config, settings, watch, **inputs)
    for observer in observers:
        observer.finished(artifact, reused)
    return artifact, reused


def directly(settings: Settings, observer: Observer | None = None) -> Run:
    """Does the work here and now, with no orchestra."""
    observers = [observer] if observer else []

    def run(stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        artifact, _ = perform(stage, config, settings, observers, inputs)
        return artifact

    return run


def planned(settings: Settings, plan: list[Artifact]) -> Run:
    """Does nothing; appends to `plan` the artifact each stage has or will have, in the order they would run."""

    def run(stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        plan.append(stage.artifact(config, settings, **inputs))
        return plan[-1]

    return run
