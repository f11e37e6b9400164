"""Starts training as `torch.distributed.run` processes, watches them, and finds them again after a crash."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from models.files import BOARD, CURVES, DONE, ERROR, PICTURES, PROGRESS, RANKS_STORE, SPEED
from models.training.start import AGENT
from tasks.engine import storage
from tasks.engine.last_words import last_words
from tasks.engine.output import Progress
from tasks.errors import StorageError, TrainingFailedError
from tasks.settings import Settings

START = "models.training.start"
JOB = "job.json"
LOG = "trainer.log"
AGENT_FILES = "agent"  # how ranks ended; removed with the folder, while the system's temporary folder keeps them
MEETING_PLACES = ("agents.store", "ranks.store")  # files instead of ports: nobody else can reach them
POLL_S = 0.5
GRACE_S = 20.0
NO_SPACE = os.strerror(errno.ENOSPC)
# Dask sets these for its workers, in this process too. A trainer that inherits them runs at half its speed: memory is
# returned to the system after every step, and torch uses one thread.
DASK_WORKER_LIMITS = {"MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}


def launch(
    module: str, job: Mapping[str, Any], folder: Path, settings: Settings, watch: Callable[[Progress], None]
) -> dict[str, Any]:
    """Runs a trainer to its end in `folder` and returns what it wrote to `done.json`.

    If a killed run left its trainer running, this call waits for that trainer and starts no second one. A trainer that
    was itself killed continues from its last checkpoint. A trainer runs in its own process session, all of which is
    ended if this call is cancelled.

    Args:
        module: the trainer, such as `models.dvae.train`.
        job: content of its job file; `out` is added.
        watch: called with the trainer's progress, twice a second.

    Raises:
        TrainingFailedError: the trainer ended without finishing; the message holds its error, or else the last line of
            its log.
    """
    with _ended_by_signals():
        if left_behind := _running(folder):
            _wait(left_behind, folder, watch)
        if _done(folder) is None:
            log = folder / LOG
            before = log.stat().st_size if log.exists() else 0
            with storage.plain_errors(str(folder), "write", "--work-dir"):
                started = _start(module, job, folder, settings)
            _wait(started, folder, watch)
            if _done(folder) is None:
                raise TrainingFailedError(_failure(folder, before))
    done = _done(folder)
    assert done is not None
    return done


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit inside the block, so that what it started is ended before this process is.

    Only where they would end this process at once: what Prefect or `nohup` have set stays.
    """
    replaced = []
    if threading.current_thread() is threading.main_thread():
        replaced = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) == signal.SIG_DFL]
    for each in replaced:
        signal.signal(each, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        for each in replaced:
            signal.signal(each, signal.SIG_DFL)


def _done(folder: Path) -> dict[str, Any] | None:
    """What the trainer wrote at its end; None if it has not ended well, or the file is damaged."""
    done = _read(folder / DONE)
    if done is not None and isinstance(done.get("metrics"), dict) and _is_whole(folder, done):
        return done
    (folder / DONE).unlink(missing_ok=True)  # a trainer that finds it does nothing
    return None


def _is_whole(folder: Path, done: dict[str, Any]) -> bool:
    """Whether the files that a finished trainer left are those it wrote."""
    try:
        return all(
            storage.sha256_of_file(str(folder / name)) == digest for name, digest in done.get("sha256", {}).items()
        )
    except (StorageError, AttributeError):
        return False


def _read(path: Path) -> dict[str, Any] | None:
    """A file that a trainer wrote; None if it is missing or damaged."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _running(folder: Path) -> int | None:
    """Process id of the trainer that an earlier run started here and that still works, found by its command line."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if AGENT in command and str(folder / JOB) in command:
            return process.pid
    return None


def _start(module: str, job: Mapping[str, Any], folder: Path, settings: Settings) -> int:
    storage.write_json(str(folder / JOB), {**job, "out": str(folder)})
    for name in (ERROR, PROGRESS, *MEETING_PLACES):
        (folder / name).unlink(missing_ok=True)
    for_agents, for_ranks = (folder / name for name in MEETING_PLACES)
    command = [sys.executable, "-m", AGENT, "--max-restarts=0", f"--nproc-per-node={settings.processes_per_node}"]
    command += ["--rdzv-backend=c10d", "--rdzv-conf=store_type=file", f"--rdzv-endpoint={for_agents}"]
    command += [
        f"--log-dir={folder / AGENT_FILES}",
        f"--rdzv-id={uuid.uuid4()}",
        "-m",
        START,
        module,
        str(folder / JOB),
    ]
    env = {name: value for name, value in os.environ.items() if name not in DASK_WORKER_LIMITS}
    # Threads that busy-wait are slow when cores are shared, and threads that sleep at once are slow when they are not.
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    env.setdefault("GOMP_SPINCOUNT", "2000")
    env |= {RANKS_STORE: str(for_ranks), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    for library in ("GLOO", "NCCL"):
        env.setdefault(f"{library}_SOCKET_IFNAME", _loopback())
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, start_new_session=True
        )
    return process.pid


def _loopback() -> str:
    """The interface that only this machine reaches: the ranks are all here."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == "127.0.0.1" for address in addresses):
            return name
    return "lo"


def _wait(pid: int, folder: Path, watch: Callable[[Progress], None]) -> None:
    """Returns when the process has ended, whether or not it succeeded."""
    try:
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            _report(folder, watch)
            time.sleep(POLL_S)
        process.wait()
    except psutil.NoSuchProcess:
        pass
    except BaseException:  # a cancelled flow must not leave trainers behind
        _end(pid)
        raise
    _report(folder, watch)


def _report(folder: Path, watch: Callable[[Progress], None]) -> None:
    now = _read(folder / PROGRESS)
    with suppress(KeyError, TypeError, ValueError):  # damaged: the trainer writes it anew
        if now is not None:
            loss = [] if now["loss"] is None else [f"loss {now['loss']:.3f}"]
            rate = [now["rate"]] if now.get("rate") else []
            words = ", ".join(["steps", *loss, *rate, *now["notes"]])
            pictures = tuple(sorted((folder / PICTURES).glob("*.png")))
            curves = tuple(path for path in (folder / CURVES, folder / BOARD / SPEED) if path.exists())
            watch(Progress(now["step"], now["steps"], words, now["eta_s"], pictures=pictures, curves=curves))


def _failure(folder: Path, before: int) -> str:
    """Why the trainer in `folder` ended early, and what to do.

    Args:
        before: bytes of the log that earlier attempts wrote.
    """
    error = _read(folder / ERROR)
    if error is not None and NO_SPACE not in str(error.get("message")):
        return str(error.get("message"))
    with (folder / LOG).open("rb") as file:
        file.seek(before)
        log = file.read().decode(errors="replace")
    if NO_SPACE in log:
        return f"No space left to train in {folder}: free some, or choose another place with --work-dir, and run again."
    return (
        f"Training ended early ({last_words(log)}); run again to go on from the last checkpoint; log: {folder / LOG}."
    )


def _end(pid: int) -> None:
    """Ends the whole session: by SIGTERM, and by SIGKILL if it still runs after GRACE_S."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(pid, end)
            psutil.Process(pid).wait(GRACE_S)
        except (ProcessLookupError, psutil.NoSuchProcess):
            return
        except psutil.TimeoutExpired:
            continue
