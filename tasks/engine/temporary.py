"""Temporary folders under the work folder. What a killed process leaves behind is swept by the next stage that runs.

Also folders elsewhere that appear when they are complete.
"""

import glob
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tasks.engine import storage
from tasks.engine.lock import is_alive
from tasks.settings import Settings


@contextmanager
def temporary_folder(settings: Settings) -> Iterator[str]:
    """An empty folder that is removed after the block.

    Raises:
        StorageError: the work folder cannot be written.
    """
    with new_folder(settings) as name:
        yield name


def new_folder(settings: Settings) -> tempfile.TemporaryDirectory[str]:
    """An empty folder that is removed by its `cleanup`; raises as `temporary_folder` does."""
    place = _place(settings)
    with storage.plain_errors(str(place), "write", "--work-dir"):
        place.mkdir(parents=True, exist_ok=True)
        process = psutil.Process()
        owner = f"{socket.gethostname()}_{process.pid}_{process.create_time()}_"
        return tempfile.TemporaryDirectory(prefix=owner, dir=place, ignore_cleanup_errors=True)


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write to, which takes its name when all is written, and goes if something fails.

    What killed processes of this machine left beside it is removed.
    """
    out = out.absolute()
    for left in out.parent.glob(f".{glob.escape(out.name)}.*.tmp"):
        pid = left.name.removesuffix(".tmp").rpartition(".")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def keep_caches(settings: Settings) -> None:
    """Has libraries that this process and its children import keep their caches under the work folder, not at home."""
    for variable, folder in {"MPLCONFIGDIR": "matplotlib", "TORCHINDUCTOR_CACHE_DIR": "compiled"}.items():
        os.environ.setdefault(variable, str(settings.local_work / folder))


def sweep(settings: Settings) -> None:
    """Removes what processes of this host that have ended left behind."""
    place = _place(settings)
    for folder in place.iterdir() if place.is_dir() else ():
        ours = f"{socket.gethostname()}_"
        pid, _, rest = folder.name.removeprefix(ours).partition("_")
        if folder.name.startswith(ours) and not _runs(pid, rest.partition("_")[0]):
            shutil.rmtree(folder, ignore_errors=True)


def _place(settings: Settings) -> Path:
    return settings.local_work / "temporary"


def _runs(pid: str, started: str) -> bool:
    try:
        return is_alive(int(pid), float(started))
    except ValueError:  # not a name of ours
        return True
