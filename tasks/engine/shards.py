"""Maps a function over shards: in this process, on a local Dask cluster, or on an existing one."""

import asyncio
import atexit
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib.metadata import version
from itertools import chain
from typing import Any, TypeVar

from tasks.engine.code import of_project
from tasks.errors import ClusterError
from tasks.settings import Settings

ANSWER_S = 10  # for a Dask scheduler
NO_WORKER_S = 180  # without any worker, after which a local cluster gives up: to begin others takes it some seconds
# Of the scheduler, which takes about 10 kB and 3 ms in this process for each. Of more shards a task has several,
# and every worker still has many tasks.
MOST_TASKS = 1000

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_shards(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    settings: Settings,
    on_done: Callable[[Result], None] = lambda result: None,
    afterwards: Callable[[], None] | None = None,
) -> list[Result]:
    """`[work(item) for item in items]`, spread over the workers; results keep the order of the items.

    `on_done` is called with each result as it arrives, and `afterwards` at the end, however it comes, in every process
    that may have worked. If a worker dies, Dask runs its shards again on another. An error in `work` is not retried:
    it ends the map and is raised here.

    Raises:
        ClusterError: no cluster that can do the work, or it was lost, or a shard ends every worker that tries it.
    """
    if settings.dask_address is None and settings.dask_workers == 0:
        try:
            return [_done(work(item), on_done) for item in items]
        finally:
            if afterwards is not None:
                afterwards()
    if not items:
        return []
    client = _client(settings.dask_address, settings.dask_workers, str(settings.local_work / "dask"))
    from distributed import as_completed  # after the settings that `_client` makes

    parts = batches(items, MOST_TASKS)
    futures = client.map(partial(_work_on, work), parts, pure=False)
    places = {future: place for place, future in enumerate(futures)}
    found: list[list[Result]] = [[] for _ in parts]
    try:
        with _plain_errors(client, settings):
            for arrived in as_completed(futures).batches():
                together = list(arrived)  # one question to the workers for all of them
                for future, results in zip(together, client.gather(together), strict=True):
                    found[places[future]] = results
                    for result in results:
                        on_done(result)
        return list(chain.from_iterable(found))
    finally:
        if client.status == "running":
            client.cancel(futures)
            if afterwards is not None:
                _tell_workers(client, afterwards)
        else:  # the scheduler is lost, and Dask would look for it at every call
            close_cluster()


def _tell_workers(client: Any, work: Callable[[], None]) -> None:
    """Runs something in every worker; one that ends meanwhile has nothing left to be told."""
    from distributed.comm import CommClosedError

    for answer in client.run(work, on_error="return").values():
        if isinstance(answer, Exception) and not isinstance(answer, CommClosedError):
            raise answer


@contextmanager
def _plain_errors(client: Any, settings: Settings) -> Iterator[None]:
    """Raises Dask's own errors as a `ClusterError`; those of the work pass."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.scheduler import NoWorkerError

    try:
        yield
    except NoWorkerError as error:
        close_cluster()
        raise ClusterError(
            "All Dask workers ended and none began anew, as when they cannot load what they are to do: see what they "
            "printed, and run again; every finished shard is kept."
        ) from error
    except FutureCancelledError as error:
        raise ClusterError(
            f"The Dask scheduler at {settings.dask_address or 'this machine'} was lost: start it and run again; every "
            "finished shard is kept."
        ) from error
    except KilledWorker as error:
        if settings.dask_address is None:  # the last one starts again; ended meanwhile, it would print a traceback
            with suppress(TimeoutError):
                client.wait_for_workers(settings.dask_workers, timeout=ANSWER_S)
        remedy = "more memory for each" if settings.dask_address else "fewer --dask-workers"
        raise ClusterError(
            f"A shard ended {error.allowed_failures + 1} Dask workers one after the other, often for want of memory: "
            f"run again with {remedy}; every finished shard is kept."
        ) from error


def batches(items: Sequence[Item], most: int) -> list[Sequence[Item]]:
    """The items in at most `most` parts of about equal length, in their order."""
    size = -(-len(items) // most) or 1
    return [items[start : start + size] for start in range(0, len(items), size)]


def worker_number() -> int:
    """The number of this process among the local Dask workers; 0 elsewhere, as on a cluster that names its workers."""
    if "distributed" not in sys.modules:
        return 0
    from distributed import get_worker

    try:
        return int(get_worker().name)
    except (ValueError, TypeError):  # no worker, or one whose name is its address
        return 0


def _work_on(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [work(item) for item in items]


def _done(result: Result, on_done: Callable[[Result], None]) -> Result:
    on_done(result)
    return result


@cache
def _client(address: str | None, workers: int, folder: str) -> Any:
    """One client for each cluster and process, shared by all stages, because a start takes seconds.

    Raises:
        ClusterError: a worker of the local cluster ended while it started, or the existing cluster does not answer or
            cannot do the work.
    """
    import dask

    # Set before `distributed` is imported, which reads its logging level then. Its ticks, every 10 and 20 ms otherwise,
    # would take a tenth of a core from trainings beside it.
    dask.config.set({
        "logging": {"distributed": "critical", "distributed.client": "critical"},  # what fails is raised, and told once
        # A worker reads its level before it is given this configuration.
        "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
        "temporary-directory": folder,
        "distributed.scheduler.no-workers-timeout": NO_WORKER_S,
        "distributed.worker.profile.interval": "200ms",
        "distributed.admin.tick.interval": "200ms",
    })  # fmt: skip
    from distributed import Client, LocalCluster

    if address is not None:
        return _existing(address)
    # One thread each: Python's threads would wait for each other, and torch counts threads.
    try:
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0")
    except RuntimeError as error:  # Dask does not replace a worker that dies before it is ready
        raise ClusterError(
            f"A Dask worker did not start ({str(error).rstrip('.')}): "
            "run again, with fewer --dask-workers if memory is short."
        ) from error
    client = Client(cluster)
    _open.append(cluster)
    _open.append(client)
    return client


def _existing(address: str) -> Any:
    from distributed import Client, Security
    from distributed.comm import connect

    async def greet() -> None:  # a client would wait for the first answer without end
        arguments = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, **arguments), ANSWER_S)
        comm.abort()

    try:
        asyncio.run(greet())
        client = Client(address, timeout=ANSWER_S)
    except OSError as error:
        raise ClusterError(
            f"No Dask scheduler answers at {address} within {ANSWER_S} s: start it, or leave out --dask-address to use "
            "this machine."
        ) from error
    _open.append(client)
    ours = _software()
    for worker, found in client.run(_software, on_error="return").items():
        if isinstance(found, Exception):
            raise ClusterError(
                f"The Dask worker at {worker} cannot load this project ({found}): install it there, the same version."
            )
        for name, there in found.items():
            if there != ours[name]:
                raise ClusterError(
                    f"The Dask worker at {worker} has another {name} than this machine ({there}, not {ours[name]}): "
                    "install the same on both, or results would differ."
                )
    return client


def _software() -> dict[str, str]:
    """What decides about results on this machine, by name."""
    packages = {name: version(name) for name in ("pyarrow", "img2dataset")}
    return {"Python": platform.python_version(), "code of this project": of_project()[:12], **packages}


_open: list[Any] = []


@atexit.register
def close_cluster() -> None:
    """Ends the local cluster and so frees the memory of its workers; the next map starts another."""
    while _open:
        _open.pop().close()
    _client.cache_clear()
