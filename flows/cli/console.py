"""What `dalle run` prints: one line for each stage, and while a long one works, how far it is."""

import sys
import time
from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from flows.run import Pace
from flows.wording import figure, flow_of_rows, how_far, numbers
from tasks.engine.artifact import Artifact, Manifest
from tasks.engine.meter import duration
from tasks.engine.output import Progress as StageProgress
from tasks.engine.stage import Observer, Outcome, Stage

PLAIN_EVERY_S = 30.0  # between two progress lines of a stage, where there is no terminal
WAITING_EVERY_S = 5.0  # and of a piece of work that a person waits for

FIGURES_SHOWN = 2


def line(manifest: Manifest, wanted: Sequence[str], reused: bool, seconds: float) -> str:
    """One stage in one line. `wanted` names the figures to show; without any the first ones are shown."""
    rejected = manifest.counts.rejected
    worst = max(rejected, key=lambda reason: rejected[reason]) if rejected else None
    parts = [
        "made by other code" if reused and manifest.is_by_other_code else "",
        flow_of_rows(manifest.counts) if manifest.counts.rows_in else "",
        f"most: {worst} {rejected[worst]:,}" if worst else "",
        headline(manifest, wanted),
    ]
    done = "reused" if reused else "made"
    return f"{manifest.stage:<15} {done:<6} {duration(seconds):>11}  {'; '.join(part for part in parts if part)}"


def headline(manifest: Manifest, wanted: Sequence[str]) -> str:
    """The metrics shown on the line of a stage."""
    found = numbers(manifest.metrics)
    chosen = [name for want in wanted for name in found if name == want or name.endswith(f".{want}")]
    return ", ".join(f"{name} {figure(found[name])}" for name in (chosen or list(found))[:FIGURES_SHOWN])


class Silent(Observer):
    """Keeps the stages of a run for a summary, prints nothing."""

    def __init__(self) -> None:
        self.stages: list[dict[str, Any]] = []
        self._started = time.monotonic()

    def told(self, text: str) -> None:
        self.show(text, reused=False)

    def started(self, stage: Stage, artifact: Artifact) -> None:
        self._started = time.monotonic()

    def finished(self, stage: Stage, outcome: Outcome) -> None:
        manifest = outcome.artifact.manifest()
        seconds = time.monotonic() - self._started
        self.stages.append(
            {
                "stage": stage.name,
                "artifact": outcome.artifact.uri,
                "reused": outcome.reused,
                "other_code": manifest.is_by_other_code,
                "seconds": round(seconds, 2),
                "counts": manifest.counts.model_dump(mode="json"),
                "metrics": manifest.metrics,
            }
        )
        self.show(line(manifest, stage.headline, outcome.reused, seconds), outcome.reused)

    def show(self, text: str, reused: bool) -> None:
        """Called with the line of each finished stage, and with what is told between; the subclasses print it."""


class Plain(Silent):
    """Plain lines, for logs and pipes."""

    def __init__(self, every_s: float = PLAIN_EVERY_S) -> None:
        super().__init__()
        self._every_s = every_s
        self._pace: Pace | None = None

    def started(self, stage: Stage, artifact: Artifact) -> None:
        super().started(stage, artifact)
        self.close()
        self._pace = Pace(self._every_s, lambda text: print(f"{stage.name:<15} {text}", flush=True))
        self._pace.__enter__()

    def progressed(self, stage: Stage, progress: StageProgress) -> None:
        if self._pace:
            self._pace.progressed(progress)

    def finished(self, stage: Stage, outcome: Outcome) -> None:
        self.close()
        super().finished(stage, outcome)

    def close(self) -> None:
        """Ends the lines about a stage, also where it failed."""
        if self._pace:
            self._pace.__exit__(None, None, None)
            self._pace = None

    def show(self, text: str, reused: bool) -> None:
        print(text, flush=True)


class Live(Silent):
    """Lines above one live progress bar."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(highlight=False)
        columns = (TextColumn("{task.description:<15}"), BarColumn(30), TextColumn("{task.fields[what]}"))
        self._bar = Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)
        self._task: TaskID | None = None
        self._first: StageProgress | None = None

    def __enter__(self) -> "Live":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def started(self, stage: Stage, artifact: Artifact) -> None:
        super().started(stage, artifact)
        self._first = None
        self._task = self._bar.add_task(stage.name, total=None, what="")

    def progressed(self, stage: Stage, progress: StageProgress) -> None:
        if self._task is None:
            return
        if self._first is None:
            self._first = progress
        what = how_far(progress, self._first.done, time.monotonic() - self._started)
        self._bar.update(self._task, completed=progress.done, total=progress.total or None, what=what)

    def finished(self, stage: Stage, outcome: Outcome) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        super().finished(stage, outcome)

    def show(self, text: str, reused: bool) -> None:
        self._console.print(text, style="dim" if reused else "", soft_wrap=True, markup=False)


class WaitingLine:
    """Shows what is being done, on standard error: with a spinner and the time so far on a terminal, else as lines.

    For a `with` block; to be called with each next piece of work.
    """

    def __init__(self, every_s: float = WAITING_EVERY_S) -> None:
        """`every_s`: the least time between two lines about one piece of work, where there is no terminal."""
        self._every_s = every_s
        self._told = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True, highlight=False), transient=True)
        self._task = self._bar.add_task("Starting", total=None)
        self._on_terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._on_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._on_terminal:  # a bar that was not started would print an empty line
            self._bar.stop()

    def __call__(self, phase: str) -> None:
        """The next piece of work begins."""
        self._told = time.monotonic()
        if self._on_terminal:
            self._bar.reset(self._task, description=f"{phase} …", total=None)
        else:
            self.line(f"{phase} …")

    def progress(self, text: str) -> None:
        """How far the piece of work is; may be called as often as wanted."""
        if self._on_terminal:
            self._bar.update(self._task, description=text)
        elif time.monotonic() - self._told >= self._every_s:
            self._told = time.monotonic()
            self.line(text)

    def line(self, text: str) -> None:
        """A line that stays."""
        if self._on_terminal:
            self._bar.console.print(text, soft_wrap=True, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)


def is_terminal() -> bool:
    """Whether standard output is a terminal, rather than a file or a pipe."""
    return sys.stdout.isatty()


def show(drawn: RenderableType) -> None:
    """Prints a table or a tree; lines are wrapped only on a terminal."""
    Console(highlight=False, width=None if is_terminal() else 400).print(drawn)
