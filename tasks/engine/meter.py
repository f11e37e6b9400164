"""Time and memory of a stage: the process, its Dask workers and its trainers together."""

import platform
import socket
import threading
import time
from datetime import UTC, datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self

import psutil

from tasks.engine.artifact import RunRecord
from tasks.engine.code import CodeRecord

SAMPLE_S = 2.0
MOST_FOR_SAMPLES = 0.01  # share of the time: a measurement takes about 80 ms, the kernel walks every page table
NAMED_PACKAGES = ("torch", "pyarrow", "img2dataset", "prefect", "distributed", "numpy", "tokenizers", "transformers")


class Meter:
    """Measures time and peak memory of its `with` block; `record()` gives them afterwards."""

    def __enter__(self) -> Self:
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._seconds = time.monotonic() - self._clock

    def _watch(self) -> None:
        while True:
            began = time.monotonic()
            self._peak_bytes = max(self._peak_bytes, tree_memory_bytes())
            took_s = time.monotonic() - began
            if self._stop.wait(max(SAMPLE_S, took_s / MOST_FOR_SAMPLES)):
                return

    def record(self, code: CodeRecord) -> RunRecord:
        """The measurements, with host, library versions and the code that did the work."""
        return RunRecord(
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(self._seconds, 2),
            peak_memory_mb=round(self._peak_bytes / 2**20, 1),
            host=socket.gethostname(),
            versions={"python": platform.python_version()} | {name: version(name) for name in NAMED_PACKAGES},
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
