"""Ways to run the DAG without Prefect: here and now, or not at all, to see which artifacts it leads to."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from tasks.engine.artifact import Artifact
from tasks.engine.stage import Observer, Stage, StageConfig
from tasks.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class Run(ABC):
    """What the DAG is written for."""

    @abstractmethod
    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        """The artifact of a stage for a config and inputs."""

    def part(self, part: Callable[Concatenate["Run", P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a part of the DAG, which is a function of a run."""
        return part(self, *args, **kwargs)


class DirectRun(Run):
    """Does the work in this process, with no orchestra."""

    def __init__(self, settings: Settings, observers: Sequence[Observer] = ()) -> None:
        self._settings = settings
        self._observers = observers

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        return stage(config, self._settings, self._observers, **inputs).artifact


class PlannedRun(Run):
    """Does no work; notes the artifact that each stage has or will have, in the order of the work."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.artifacts: list[Artifact] = []

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        self.artifacts.append(stage.artifact(config, self._settings, **inputs))
        return self.artifacts[-1]
