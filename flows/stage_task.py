"""A `Run` for Prefect: each part of the DAG is a subflow, each stage a task run, retried after transient errors."""

import errno
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Concatenate, cast

from prefect import Task, flow
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Completed

from flows.publish import ENDS, Publisher, interruption, is_server_loss
from flows.run import P, Run, T
from tasks.engine import s3
from tasks.engine.artifact import Artifact
from tasks.engine.stage import Observer, Stage, StageConfig
from tasks.errors import PipelineError, StorageError
from tasks.settings import Settings

RETRY_AFTER_S = 10
LOST = "Prefect's server no longer answers: the run goes on, and what follows is not shown there."
# System errors that a retry cannot mend.
_PERMANENT_ERRORS = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EROFS,
    errno.EEXIST,
}

_console: ContextVar[Observer | None] = ContextVar("console", default=None)


@contextmanager
def watched_by(observer: Observer) -> Iterator[None]:
    """Passes the events of every stage that runs inside the block, in this process, to `observer`."""
    token = _console.set(observer)
    try:
        yield
    finally:
        _console.reset(token)


def start_time() -> str:
    """Name of a flow run: its start in UTC, without the date for a subflow, whose parent's name has it.

    That of a subflow for one cell of a grid names the cell too.
    """
    began = datetime.now(UTC).strftime("%H:%M:%S" if flow_run.parent_flow_run_id else "%Y-%m-%d %H:%M:%S")
    return " ".join([began, *([str(cell)] if (cell := flow_run.parameters.get("cell")) else [])])


class PrefectRun(Run):
    """Runs stages as task runs of Prefect; to be used inside a flow. Without them once Prefect's server is lost."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lost = False
        # Settings of a run that is told to end: a server that does not answer is not to hold it up for a minute.
        self._hurry = ExitStack()
        self._told: set[str] = set()  # addresses of artifacts; a part that begins again does not tell of them twice

    @contextmanager
    def _until_the_server_is_lost(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if (ended_by := interruption(error)) is not None:
                raise ended_by from None
            if not is_server_loss(error):
                raise
            if not self._lost:
                print(LOST, file=sys.stderr, flush=True)
            self._lost = True

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        artifact = stage.artifact(config, self.settings, **inputs)
        if not self._lost:
            with self._until_the_server_is_lost():
                state = _task(stage, self._told)(config, self.settings, **inputs, return_state=True)
                # Returns the object in the state, not a copy: Prefect finds the edges of its graph by object identity.
                return cast(State[Artifact], state).result()
        console = _console.get()
        told = artifact.uri in self._told
        self._told.add(artifact.uri)
        return stage(config, self.settings, [console] if console and not told else [], **inputs).artifact

    def tell(self, text: str) -> None:
        """To the log of the flow run, and to the console."""
        if not self._lost:
            with self._until_the_server_is_lost():
                get_run_logger().info("%s", text)
        if (console := _console.get()) is not None:
            console.told(text)

    def part(self, part: Callable[Concatenate[Run, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a part of the DAG as a subflow; its parameters are those of `part` without the run."""

        @functools.wraps(part)
        def work(*args: Any, **kwargs: Any) -> T:
            try:
                return part(self, *args, **kwargs)
            except ENDS:
                self._hurry.enter_context(temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}))
                raise

        signature = inspect.signature(part)
        work.__signature__ = signature.replace(parameters=[*signature.parameters.values()][1:])  # type: ignore[attr-defined]
        subflow = flow(name=part.__name__, flow_run_name=start_time, persist_result=False, validate_parameters=False)
        if not self._lost:
            with self._until_the_server_is_lost():
                return subflow(work)(*args, **kwargs)
        return work(*args, **kwargs)  # what is finished is reused


def _task(stage: Stage, told: set[str]) -> Task[..., Any]:
    """The stage as a task, which adds the address of its artifact to those that were told of when it has ended."""

    def work(config: StageConfig, settings: Settings, **inputs: Artifact) -> State[Artifact]:
        console = _console.get()
        with Publisher() as publisher:
            outcome = stage(config, settings, [publisher, *([console] if console else [])], **inputs)
            told.add(outcome.artifact.uri)
        if outcome.reused:
            # Prefect's name and colour for a task that was not executed again. The cache is the artifact store.
            return Completed(name="Cached", message="Found finished", data=outcome.artifact)
        return Completed(data=outcome.artifact)

    work.__doc__ = stage.body.__doc__
    return Task(
        work,
        name=stage.name,
        task_run_name=stage.name,
        tags=[f"stage:{stage.name}"],
        retries=1,
        retry_delay_seconds=RETRY_AFTER_S,
        retry_condition_fn=_is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def _is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a retry can help: after some errors of storage or network, never after a wrong config or damaged data."""
    error = state.data
    if isinstance(error, StorageError):
        error = error.__cause__
    if isinstance(error, Exception) and s3.may_pass(error):
        return True
    if isinstance(error, PipelineError) or not isinstance(error, OSError):
        return False
    return error.errno not in _PERMANENT_ERRORS
