"""A `Run` in which every stage is a Prefect task run: named, tagged, watched, retried where that can help."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed

from flows.publish import Publisher
from flows.run import Observer, Run, perform
from tasks.engine.artifact import Artifact
from tasks.engine.stage import Stage, StageConfig
from tasks.errors import PipelineError, StorageError
from tasks.settings import Settings

RETRY_AFTER_S = 10
_LASTING = {
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
    """Lets `observer` hear of every stage that runs inside the block, in this process."""
    token = _console.set(observer)
    try:
        yield
    finally:
        _console.reset(token)


def as_tasks(settings: Settings) -> Run:
    """Runs every stage as a Prefect task run. To be called inside a flow."""

    def run(stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        artifact = stage.artifact(config, settings, **inputs)
        state = _task(stage, artifact)(config, settings, **inputs, return_state=True)
        # The object inside the state, not `artifact`: Prefect draws arrows by the identity of what it handed out.
        return cast(State[Artifact], state).result()

    return run


def _task(stage: Stage, artifact: Artifact) -> Task[..., Any]:
    def work(config: StageConfig, settings: Settings, **inputs: Artifact) -> State[Artifact]:
        console = _console.get()
        observers: list[Observer] = [Publisher(), *([console] if console else [])]
        done, reused = perform(stage, config, settings, observers, inputs)
        # Prefect's own word and colour for work that was not done again. The artifact store is the cache.
        return Completed(name="Cached", message="Found finished", data=done) if reused else Completed(data=done)

    work.__doc__ = stage.body.__doc__
    return Task(
        work,
        name=stage.name,
        task_run_name=f"{stage.name}-{artifact.fingerprint[:6]}",
        tags=[f"stage:{stage.name}"],
        retries=1,
        retry_delay_seconds=RETRY_AFTER_S,
        retry_condition_fn=_can_pass,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def _can_pass(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a second try can help: a hiccup of storage or network, never a wrong config or damaged data."""
    error = state.data
    if isinstance(error, StorageError):
        error = error.__cause__
    if isinstance(error, PipelineError) or not isinstance(error, OSError):
        return False
    return error.errno not in _LASTING
