"""Ways to run the DAG without Prefect: directly, or as a plan that only computes the addresses of artifacts."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from flows.wording import how_far
from tasks.engine.artifact import Artifact
from tasks.engine.output import Progress
from tasks.engine.stage import Observer, Stage, StageConfig
from tasks.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class Run(ABC):
    """How the stages of the DAG are executed, and where; the DAG is a function of a `Run`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        """The artifact of a stage for a config and inputs."""

    def part(self, part: Callable[Concatenate["Run", P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a part of the DAG, which is a function of a run."""
        return part(self, *args, **kwargs)

    @abstractmethod
    def tell(self, text: str) -> None:
        """Says what comes next to whoever watches."""


class DirectRun(Run):
    """Runs every stage in this process, without an orchestrator."""

    def __init__(self, settings: Settings, observers: Sequence[Observer] = ()) -> None:
        super().__init__(settings)
        self._observers = observers

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        return stage(config, self.settings, self._observers, **inputs).artifact

    def tell(self, text: str) -> None:
        for observer in self._observers:
            observer.told(text)


class PlannedRun(Run):
    """Executes nothing; collects the artifact of each stage, finished or not, in the order of execution."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.artifacts: list[Artifact] = []

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        self.artifacts.append(stage.artifact(config, self.settings, **inputs))
        return self.artifacts[-1]

    def tell(self, text: str) -> None:
        """A plan has nothing to tell."""


class Pace:
    """Tells at regular times how far a stage is, also while the stage itself tells nothing. For a `with` block."""

    def __init__(self, every_s: float, tell: Callable[[str], None]) -> None:
        """`tell` is called in a thread of its own."""
        self._every_s = every_s
        self._tell = tell
        self._began = time.monotonic()
        self._first: Progress | None = None
        self._last: Progress | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def progressed(self, progress: Progress) -> None:
        """To be called with what the stage tells."""
        if self._first is None or self._first.what.split(",")[0] != progress.what.split(",")[0]:
            self._first, self._began = progress, time.monotonic()
        self._last = progress

    def text(self) -> str:
        """How far the stage is now."""
        return how_far(self._last, self._first.done if self._first else 0, time.monotonic() - self._began)

    def _watch(self) -> None:
        while not self._ended.wait(self._every_s):
            self._tell(self.text())
