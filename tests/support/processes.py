"""Looking for processes, and waiting for them to end."""

import time

import psutil


def children_running(module: str, parent: int | None = None) -> list[psutil.Process]:
    """The processes below `parent`, this one if none is named, that run `python -m module`."""
    return [child for child in psutil.Process(parent).children(recursive=True) if module in child.cmdline()]


def ends(process: psutil.Process, within_s: float = 20.0) -> bool:
    """Whether the process ends in time. One that nobody has collected yet has ended too."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
