"""Starts training as `torch.distributed.run` processes, watches them, and finds them again after a crash."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from models.files import DONE, ERROR, PROGRESS
from tasks.engine import storage
from tasks.engine.output import Progress
from tasks.errors import TrainingFailedError
from tasks.settings import Settings

AGENT = "torch.distributed.run"
JOB = "job.json"
POLL_S = 0.5
GRACE_S = 20.0
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
    if left_behind := _running(folder):
        _wait(left_behind, folder, watch)
    if not (folder / DONE).exists():
        _wait(_start(module, job, folder, settings), folder, watch)
    if not (folder / DONE).exists():
        raise TrainingFailedError(_failure(folder))
    done: dict[str, Any] = json.loads((folder / DONE).read_text())
    return done


def _running(folder: Path) -> int | None:
    """Process id of the trainer that an earlier run started here and that still works, found by its command line."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if AGENT in command and str(folder / JOB) in command:
            return process.pid
    return None


def _start(module: str, job: Mapping[str, Any], folder: Path, settings: Settings) -> int:
    storage.write_json(str(folder / JOB), {**job, "out": str(folder)})
    (folder / ERROR).unlink(missing_ok=True)
    command = [sys.executable, "-m", AGENT, "--standalone", "--max-restarts=0"]
    command += [f"--nproc-per-node={settings.processes_per_node}", "-m", module, str(folder / JOB)]
    env = {name: value for name, value in os.environ.items() if name not in DASK_WORKER_LIMITS}
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that busy-wait are slow when cores are shared
    with (folder / "trainer.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, start_new_session=True
        )
    return process.pid


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
    progress = folder / PROGRESS
    if progress.exists():
        now = json.loads(progress.read_text())
        watch(Progress(now["step"], now["steps"], f"steps, loss {now['loss']:.3f}", now["eta_s"]))


def _failure(folder: Path) -> str:
    """Why the trainer in `folder` ended early, and what to do."""
    error = folder / ERROR
    if error.exists():
        return str(json.loads(error.read_text())["message"])
    lines = (folder / "trainer.log").read_text(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it printed nothing"
    return f"Training ended early ({last}); run again to go on from the last checkpoint; log: {folder / 'trainer.log'}."


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
