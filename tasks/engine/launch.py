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

from tasks.engine import storage
from tasks.engine.output import Progress
from tasks.errors import TrainingFailedError
from tasks.settings import Settings

AGENT = "torch.distributed.run"
JOB = "job.json"
DONE = "done.json"
POLL_S = 0.5
GRACE_S = 20.0
# Dask sets these for its own workers, in this process too. They cost a trainer half its speed: memory is handed back to
# the system after every step, and there is one thread.
DASK_WORKER_LIMITS = {"MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}


def train(
    module: str, job: Mapping[str, Any], folder: Path, settings: Settings, watch: Callable[[Progress], None]
) -> dict[str, Any]:
    """Runs a trainer to its end in `folder` and returns what it wrote to `done.json`.

    A trainer that a killed run left behind is waited for, not started twice; one that was killed itself goes on from
    its last checkpoint. Trainers have a session of their own, which ends with this call if the call is cancelled.

    Raises:
        TrainingFailedError: the trainer ended without finishing; the message holds its last words.
    """
    if left_behind := _running(folder):
        _wait(left_behind, folder, watch)
    if not (folder / DONE).exists():
        _wait(_start(module, job, folder, settings), folder, watch)
    if not (folder / DONE).exists():
        raise TrainingFailedError(_last_words(folder))
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
    (folder / "error.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", AGENT, "--standalone", "--max-restarts=0"]
    command += [f"--nproc-per-node={settings.processes_per_node}", "-m", module, str(folder / JOB)]
    env = {name: value for name, value in os.environ.items() if name not in DASK_WORKER_LIMITS}
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin for each other stall when a core is shared
    with (folder / "trainer.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, start_new_session=True
        )
    return process.pid


def _wait(pid: int, folder: Path, watch: Callable[[Progress], None]) -> None:
    """Returns when the process has ended, however it ended."""
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
    progress = folder / "progress.json"
    if progress.exists():
        now = json.loads(progress.read_text())
        watch(Progress(now["step"], now["steps"], f"steps, loss {now['loss']:.3f}", now["eta_s"]))


def _last_words(folder: Path) -> str:
    error = folder / "error.json"
    if error.exists():
        return str(json.loads(error.read_text())["message"])
    lines = (folder / "trainer.log").read_text(errors="replace").strip().splitlines()
    said = lines[-1] if lines else "it said nothing"
    return f"Training ended early ({said}); run again to go on from the last checkpoint; log: {folder / 'trainer.log'}."


def _end(pid: int) -> None:
    """Asks the whole session to end, then makes it."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(pid, end)
            psutil.Process(pid).wait(GRACE_S)
        except (ProcessLookupError, psutil.NoSuchProcess):
            return
        except psutil.TimeoutExpired:
            continue
