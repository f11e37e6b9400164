"""Time, memory and processor time of a stage: the process, its Dask workers and its trainers together."""

import os
import platform
import socket
import threading
import time
from datetime import UTC, datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self

import psutil

from tasks.engine.artifact import RunRecord, TrainerRecord
from tasks.engine.code import CodeRecord
from tasks.engine.gpus import GPUEnergy

SAMPLE_S = 2.0
MOST_FOR_SAMPLES = 0.01  # share of the time: a measurement takes about 80 ms, the kernel walks every page table
NAMED_PACKAGES = ("torch", "pyarrow", "img2dataset", "prefect", "distributed", "numpy", "tokenizers", "transformers")


class Meter:
    """Measures time, peak memory and energy of its `with` block; `record()` gives them afterwards."""

    def __enter__(self) -> Self:
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._cpu_before = tree_cpu_seconds()
        self._gpus = GPUEnergy()
        self._peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._seconds = time.monotonic() - self._clock
        self._cpu_seconds = tree_cpu_seconds() - self._cpu_before

    def _watch(self) -> None:
        measured = self._clock
        while True:
            began = time.monotonic()
            self._peak_bytes = max(self._peak_bytes, tree_memory_bytes())
            self._gpus.add(began - measured)
            measured = began
            took_s = time.monotonic() - began
            if self._stop.wait(max(SAMPLE_S, took_s / MOST_FOR_SAMPLES)):
                self._gpus.add(time.monotonic() - measured)
                return

    def record(self, code: CodeRecord, is_here: bool = True, trainer: TrainerRecord | None = None) -> RunRecord:
        """The measurements, with host, library versions and the code that did the work.

        Args:
            is_here: whether all of the work was done on this machine; else its processors tell nothing.
        """
        return RunRecord(
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(self._seconds, 2),
            peak_memory_mb=round(self._peak_bytes / 2**20, 1),
            host=socket.gethostname(),
            versions={"python": platform.python_version()} | {name: version(name) for name in NAMED_PACKAGES},
            cpu_seconds=round(self._cpu_seconds, 2) if is_here else None,
            gpus=self._gpus.records() if is_here else (),
            trainer=trainer,
            code=code,
        )


def tree_memory_bytes() -> int:
    """Proportional set size (PSS) of this process and all its children, bytes: pages they share count once."""
    root = psutil.Process()
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:  # it ended after it was listed
            continue
    return total


def tree_cpu_seconds() -> float:
    """Seconds that processors have worked for this process and all its children, those that have ended included.

    A process that has ended counts for the one that waited for it, so the sum grows by what was worked and by nothing
    else. On macOS, what ended below a child is not known.
    """
    total = sum(os.times()[:4])
    for process in psutil.Process().children(recursive=True):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:  # it ended after it was listed: its parent has it, if it was read later
            continue
    return total


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
