"""Ways to run the DAG without Prefect: directly, or as a plan that only computes the addresses of artifacts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from tasks.engine.artifact import Artifact
from tasks.engine.stage import Observer, Stage, StageConfig
from tasks.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class Run(ABC):
    """How the stages of the DAG are executed; the DAG is a function of a `Run`."""

    @abstractmethod
    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        """The artifact of a stage for a config and inputs."""

    def part(self, part: Callable[Concatenate["Run", P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a part of the DAG, which is a function of a run."""
        return part(self, *args, **kwargs)


class DirectRun(Run):
    """Runs every stage in this process, without an orchestrator."""

    def __init__(self, settings: Settings, observers: Sequence[Observer] = ()) -> None:
        self._settings = settings
        self._observers = observers

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        return stage(config, self._settings, self._observers, **inputs).artifact


class PlannedRun(Run):
    """Executes nothing; collects the artifact of each stage, finished or not, in the order of execution."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.artifacts: list[Artifact] = []

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        self.artifacts.append(stage.artifact(config, self._settings, **inputs))
        return self.artifacts[-1]
