"""What an operator sees of a stage in the Prefect UI: one markdown page and, during long work, a progress bar."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Self, cast
from uuid import UUID

import httpx
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.pages.ablation_page import ablation_page
from flows.pages.curves_page import training_curves
from flows.pages.run_page import run_page
from flows.pages.stage_page import account, page, training_pictures
from flows.run import Pace
from tasks.ablation.figures import PAGE, read_ablation
from tasks.engine.artifact import Artifact
from tasks.engine.output import Progress
from tasks.engine.stage import Observer, Outcome, Stage

FIRST_AFTER_S = 4.0  # shorter stages get no progress bar
EVERY_S = 2.5  # between two updates of a bar
CURVES_EVERY_S = 30.0  # between two updates of the curves of a training
LOG_EVERY_S = 30.0  # between two lines in the log of a task run
ENDS = (KeyboardInterrupt, SystemExit, TerminationSignal)  # how a person or a machine tells a run to end


def key(stage: str) -> str:
    """The artifact key of a stage: Prefect allows lower case, digits and dashes."""
    return stage.replace("_", "-")


def is_server_loss(error: BaseException) -> bool:
    """Whether an error means, or was caused by it, that Prefect's server does not answer or cannot work.

    Its client has repeated such a request by then.
    """
    return any(
        isinstance(each, httpx.TransportError)
        or (isinstance(each, httpx.HTTPStatusError) and _is_fault(each.response.status_code))
        or str(each).startswith("Failed to reach API")
        for each in _behind(error)
    )


def interruption(error: BaseException) -> BaseException | None:
    """The signal or Ctrl-C that ended the run, where telling Prefect's server of it failed with `error`."""
    return next((each for each in _behind(error) if isinstance(each, ENDS)), None)


def sentence(error: BaseException) -> str:
    """One line about an error of Prefect or of its server, with the remedy."""
    answers = [each for each in _behind(error) if isinstance(each, httpx.HTTPStatusError)]
    if answers:
        request, answer = answers[0].request, answers[0].response
        what = f"{request.method} {request.url.copy_with(userinfo=b'')}: {answer.status_code} {answer.reason_phrase}"
    else:
        what = next(iter(str(error).splitlines()), "") or type(error).__name__
    return (
        f"Prefect did not do what it was asked ({what.rstrip('.')}): run again to go on from what is finished; "
        "`dalle run --no-prefect` needs no server."
    )


def _is_fault(status: int) -> bool:
    """Whether a status says that the server could not answer, rather than what is wrong with the request."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    )


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error, and all that it was raised from or in the handling of."""
    found, waiting = set[int](), [error]
    while waiting:
        each = waiting.pop()
        if id(each) not in found:
            found.add(id(each))
            yield each
            waiting += [behind for behind in (each.__context__, each.__cause__) if behind is not None]


@contextmanager
def best_effort() -> Iterator[None]:
    """What Prefect's server is told in the block is left untold, at once, if it does not take it: the work goes on."""
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            yield
    except Exception as error:
        if not (is_server_loss(error) or isinstance(error, httpx.HTTPStatusError)):
            raise


class Publisher(Observer):
    """Publishes the progress and the page of one stage as Prefect artifacts of the current task run.

    Inside its `with` block the log of the task run gets a line about the pace at regular times.
    """

    def __init__(self, log_every_s: float = LOG_EVERY_S) -> None:
        self._next = time.monotonic() + FIRST_AFTER_S
        self._bar: UUID | None = None
        self._pictures_of: tuple[int, ...] = ()  # times of the pictures that are shown
        self._curves: UUID | None = None
        self._next_curves = self._next
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
        if time.monotonic() >= self._next_curves:
            self._next_curves = time.monotonic() + CURVES_EVERY_S
            self._show_curves(stage.name, progress)

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

    def _show_curves(self, stage: str, progress: Progress) -> None:
        """One version, which changes: a training of weeks would leave thousands."""
        try:
            markdown = training_curves(progress.curves)
        except (FileNotFoundError, ValueError, KeyError):  # the training has just ended, or writes a damaged file anew
            return
        if not markdown:
            return
        text = self._pace.text()
        with best_effort():
            if self._curves is None:
                name = f"{key(stage)}-curves"
                self._curves = cast(UUID, create_markdown_artifact(key=name, markdown=markdown, description=text))
            else:
                change = ArtifactUpdate(data=markdown, description=text)
                get_client(sync_client=True).update_artifact(self._curves, change)


def publish_run(report: Artifact) -> None:
    """Publishes a page about the whole run as a Prefect artifact of the current flow run."""
    get_run_logger().info("Report: %s", report.file("index.html"))
    with best_effort():
        create_markdown_artifact(key="pipeline", markdown=run_page(report), description=report.file("index.html"))


def publish_ablation(compared: Artifact) -> None:
    """Publishes the answer of an ablation, with its tables, as a Prefect artifact of the current flow run."""
    found = read_ablation(compared)
    get_run_logger().info("%s %s", found.answer, compared.file(PAGE))
    with best_effort():
        create_markdown_artifact(
            key="ablation-answer", markdown=ablation_page(found, compared), description=found.answer
        )
