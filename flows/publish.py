"""What an operator sees of a stage in the Prefect UI: one markdown page and, during long work, a progress bar."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, cast
from uuid import UUID

import httpx
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.markdown import account, page, run_page, training_pictures
from flows.run import Pace
from tasks.engine.artifact import Artifact
from tasks.engine.output import Progress
from tasks.engine.stage import Observer, Outcome, Stage

FIRST_AFTER_S = 4.0  # shorter stages get no progress bar
EVERY_S = 2.5  # between two updates of a bar
LOG_EVERY_S = 30.0  # between two lines in the log of a task run


def key(stage: str) -> str:
    """The artifact key of a stage: Prefect allows lower case, digits and dashes."""
    return stage.replace("_", "-")


def is_server_loss(error: BaseException | None) -> bool:
    """Whether an error means that Prefect's server does not answer, or was caused by that."""
    while error is not None:
        if isinstance(error, httpx.TransportError) or str(error).startswith("Failed to reach API"):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def best_effort() -> Iterator[None]:
    """What Prefect's server is told in the block is left untold, at once, if it does not answer: the work goes on."""
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            yield
    except Exception as error:
        if not is_server_loss(error):
            raise


class Publisher(Observer):
    """Publishes the progress and the page of one stage as Prefect artifacts of the current task run.

    Inside its `with` block the log of the task run gets a line about the pace at regular times.
    """

    def __init__(self, log_every_s: float = LOG_EVERY_S) -> None:
        self._next = time.monotonic() + FIRST_AFTER_S
        self._bar: UUID | None = None
        self._pictures_of: tuple[int, ...] = ()  # times of the pictures that are shown
        log = get_run_logger()  # bound here, because the pace is told in another thread
        self._pace = Pace(log_every_s, lambda text: log.info("%s", text))

    def __enter__(self) -> Self:
        self._pace.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._pace.__exit__(kind, error, tb)

    def progressed(self, stage: Stage, progress: Progress) -> None:
        self._pace.progressed(progress)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        percent = 100 * progress.done / max(progress.total, 1)
        self._show(stage.name, percent, self._pace.text())
        self._show_pictures(stage.name, progress)

    def finished(self, stage: Stage, outcome: Outcome) -> None:
        if self._bar is not None:
            self._show(stage.name, 100.0, "done")
        manifest = outcome.artifact.manifest()
        text = account(manifest, outcome.reused)
        get_run_logger().info("%s", text)
        markdown = page(outcome.artifact, manifest, outcome.reused)
        with best_effort():
            create_markdown_artifact(key=key(stage.name), markdown=markdown, description=text)

    def _show(self, stage: str, percent: float, text: str) -> None:
        with best_effort():
            if self._bar is None:
                name = f"{key(stage)}-progress"
                self._bar = cast(UUID, create_progress_artifact(percent, key=name, description=text))
            else:
                update_progress_artifact(self._bar, progress=percent, description=text)

    def _show_pictures(self, stage: str, progress: Progress) -> None:
        """One more version of the pictures each time they are new; the UI keeps the older ones."""
        try:
            of = tuple(path.stat().st_mtime_ns for path in progress.pictures)
            if of == self._pictures_of:
                return
            markdown = training_pictures(progress.pictures, progress.done)
        except FileNotFoundError:  # the training has just ended
            return
        self._pictures_of = of
        with best_effort():
            create_markdown_artifact(key=f"{key(stage)}-pictures", markdown=markdown, description=self._pace.text())


def publish_run(report: Artifact) -> None:
    """Publishes a page about the whole run as a Prefect artifact of the current flow run."""
    get_run_logger().info("Report: %s", report.file("index.html"))
    with best_effort():
        create_markdown_artifact(key="pipeline", markdown=run_page(report), description=report.file("index.html"))
