"""Runs a trainer to its end through a launcher: starts or finds it, watches it, and says why it failed."""

import errno
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from models.files import BOARD, CURVES, DONE, ERROR, PICTURES, PROGRESS, SPEED, newest_pictures
from tasks.engine import storage
from tasks.engine.output import Progress
from tasks.errors import PipelineError, StorageError, TrainingFailedError
from tasks.launch.last_words import ended_by_signal, last_words
from tasks.launch.launcher import JOB, LOGS, Launcher, Phase

NO_SPACE = os.strerror(errno.ENOSPC)
CONSEQUENCES = {"LostRankError", "StoppedError"}  # errors of ranks to which something was done from outside


def launch(
    module: str, job: Mapping[str, Any], folder: Path, launcher: Launcher, watch: Callable[[Progress], None]
) -> dict[str, Any]:
    """Runs a trainer to its end in `folder` and returns what it wrote to `done.json`.

    If a killed run left its trainer running or waiting, this call waits for that trainer and starts no second one. A
    trainer that was itself killed continues from its last checkpoint. All processes of a trainer are ended if this call
    is cancelled.

    Args:
        module: the trainer, such as `models.dvae.train`.
        job: content of its job file; `out` is added.
        watch: called with the trainer's progress, as often as the launcher looks.

    Raises:
        TrainingFailedError: the trainer ended without finishing; the message holds its error, or else the last line of
            its log.
        LauncherError: the launcher cannot start it, or lost it.
    """
    with _ended_by_signals():
        if left_behind := launcher.find(folder):
            with _ended_if_cancelled(launcher, folder):
                _wait(launcher, left_behind, folder, watch)
        if _done(folder) is None:
            with storage.plain_errors(str(folder), "write", "--work-dir"):
                storage.write_json(str(folder / JOB), {**job, "out": str(folder)})
                for name in (ERROR, PROGRESS):
                    (folder / name).unlink(missing_ok=True)
            before = {log: log.stat().st_size for log in folder.glob(LOGS)}
            with _ended_if_cancelled(launcher, folder):
                with storage.plain_errors(str(folder), "write", "--work-dir"):
                    submitted = launcher.submit(module, folder)
                how = _wait(launcher, submitted, folder, watch)
            if _done(folder) is None:
                raise TrainingFailedError(_failure(folder, before, how))
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


@contextmanager
def _ended_if_cancelled(launcher: Launcher, folder: Path) -> Iterator[None]:
    """A cancelled flow leaves no trainer behind, also if it is cancelled while the job is being submitted."""
    try:
        yield
    except PipelineError:
        raise
    except BaseException:
        if (job := launcher.find(folder)) is not None:
            launcher.cancel(job)
        raise


def _wait(launcher: Launcher, job: str, folder: Path, watch: Callable[[Progress], None]) -> str:
    """Returns when the job is over, whether or not it succeeded: how it ended, in the scheduler's words."""
    while (state := launcher.state(job)).phase is not Phase.ENDED:
        _report(folder, watch, state.reason)
        time.sleep(launcher.poll_s)
    _report(folder, watch)
    return state.reason


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


def _report(folder: Path, watch: Callable[[Progress], None], waits: str = "") -> None:
    """Passes on what the trainer has written last; `waits` says why it does not go on now."""
    now = _read(folder / PROGRESS)
    if now is None and waits:
        watch(Progress(0, 0, "steps", waits=waits))
    with suppress(KeyError, TypeError, ValueError):  # damaged: the trainer writes it anew
        if now is not None:
            loss = [] if now["loss"] is None else [f"loss {now['loss']:.3f}"]
            rate = [now["rate"]] if now.get("rate") else []
            words = ", ".join(["steps", *loss, *rate, *now["notes"]])
            pictures = newest_pictures(folder / PICTURES)
            curves = tuple(path for path in (folder / CURVES, folder / BOARD / SPEED) if path.exists())
            watch(Progress(now["step"], now["steps"], words, now["eta_s"], pictures, waits, curves))


def _failure(folder: Path, before: Mapping[Path, int], how: str) -> str:
    """Why the trainer in `folder` ended early, and what to do.

    Args:
        before: bytes of each log that earlier attempts wrote.
        how: how the job ended, in the scheduler's words.
    """
    error = _read(folder / ERROR) or {}
    message = str(error.get("message", ""))
    is_told = message != "" and NO_SPACE not in message
    if is_told and error.get("type") not in CONSEQUENCES:
        return message
    logs = {log: _text_after(log, before.get(log, 0)) for log in sorted(folder.glob(LOGS))}
    killed = {log: text for log, text in logs.items() if ended_by_signal(text)}
    if is_told and not killed:
        return f"{how}: {message}" if how else message
    logs = killed or logs
    printed = "\n".join(logs.values())
    if NO_SPACE in printed:
        return f"No space left to train in {folder}: free some, or choose another place with --work-dir, and run again."
    if not logs:
        return (
            f"Training left no log ({how or 'it ended'}): {folder} must be on a file system that this machine shares "
            "with those of the job, so choose one with --work-dir."
        )
    why = "; ".join(filter(None, [how, last_words(printed)]))
    return (
        f"Training ended early ({why}); run again to go on from the last checkpoint; log: {', '.join(map(str, logs))}."
    )


def _text_after(log: Path, position: int) -> str:
    with log.open("rb") as file:
        file.seek(position)
        return file.read().decode(errors="replace")
