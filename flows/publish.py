"""What an operator sees of a stage in the Prefect UI: one markdown page and, during long work, a progress bar."""

import time
from typing import cast
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from flows.markdown import account, page, run_page
from tasks.engine.artifact import Artifact
from tasks.engine.meter import duration
from tasks.engine.output import Progress
from tasks.engine.stage import Observer, Outcome, Stage

FIRST_AFTER_S = 4.0  # shorter stages get no progress bar
EVERY_S = 2.5  # between two updates of a bar


def key(stage: str) -> str:
    """The artifact key of a stage: Prefect allows lower case, digits and dashes."""
    return stage.replace("_", "-")


class Publisher(Observer):
    """Publishes the progress and the page of one stage as Prefect artifacts of the current task run."""

    def __init__(self) -> None:
        self._next = time.monotonic() + FIRST_AFTER_S
        self._bar: UUID | None = None

    def progressed(self, stage: Stage, progress: Progress) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        percent = 100 * progress.done / max(progress.total, 1)
        self._show(stage.name, percent, wording(progress))

    def finished(self, stage: Stage, outcome: Outcome) -> None:
        if self._bar is not None:
            self._show(stage.name, 100.0, "done")
        manifest = outcome.artifact.manifest()
        text = account(manifest, outcome.reused)
        get_run_logger().info("%s", text)
        markdown = page(outcome.artifact, manifest, outcome.reused)
        create_markdown_artifact(key=key(stage.name), markdown=markdown, description=text)

    def _show(self, stage: str, percent: float, text: str) -> None:
        if self._bar is None:
            name = f"{key(stage)}-progress"
            self._bar = cast(UUID, create_progress_artifact(percent, key=name, description=text))
        else:
            update_progress_artifact(self._bar, progress=percent, description=text)


def publish_run(report: Artifact) -> None:
    """Publishes a page about the whole run as a Prefect artifact of the current flow run."""
    get_run_logger().info("Report: %s", report.file("index.html"))
    create_markdown_artifact(key="pipeline", markdown=run_page(report), description=report.file("index.html"))


def wording(progress: Progress) -> str:
    """`120 of 3,000 steps, loss 2.1, 4 min left`."""
    eta = f", {duration(progress.eta_s)} left" if progress.eta_s is not None else ""
    return f"{progress.done:,} of {progress.total:,} {progress.what}{eta}"
