"""Is this machine fit to run the pipeline? Each check answers in one sentence, with the remedy where it fails."""

import os
import shutil
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flows.cli import environment
from tasks.errors import PipelineError
from tasks.preflight import require_root, require_writable
from tasks.settings import Settings

LEAST_FREE_GB = 2.0
INSTALL = "run `make setup`"
# package: (first version that breaks Prefect 3.8, what goes wrong with it)
_BELOW = {
    "sqlalchemy": ((2, 1), "schedules silently never start a run"),
    "fastapi": ((0, 151), "Prefect's server does not start"),
}


@dataclass(frozen=True)
class Finding:
    """What one check found. `ok` False means a run will fail."""

    check: str
    ok: bool
    text: str


def examine(settings: Settings, ui_port: int) -> Iterator[Finding]:
    """All checks, cheapest first."""
    yield python(sys.version_info[:2])
    yield backport(sys.path)
    for package, (limit, effect) in _BELOW.items():
        yield below(package, _installed(package), limit, effect)
    yield prefect(_installed("prefect"))
    yield torch(_installed("torch"))
    yield storage_works(settings.root)
    yield work_dir_works(Path(settings.work_dir))
    yield disk(Path(settings.work_dir))
    yield api(os.environ.get("PREFECT_API_URL"))
    yield port(ui_port)


def python(found: tuple[int, ...]) -> Finding:
    """img2dataset needs a module that left the standard library in 3.13; the code needs 3.11."""
    name = ".".join(map(str, found))
    if found in ((3, 11), (3, 12)):
        return Finding("python", True, f"Python {name}.")
    return Finding("python", False, f"Python is {name}, but 3.11 or 3.12 is needed: `make setup PYTHON=python3.12`.")


def backport(path: Iterable[str]) -> Finding:
    """img2dataset installs the `dataclasses` backport for Python 3.6, which hides Python's own in Prefect's server."""
    found = [folder for folder in path if folder.endswith("site-packages") and Path(folder, "dataclasses.py").exists()]
    if not found:
        return Finding("dataclasses", True, "The old `dataclasses` package is not installed.")
    return Finding(
        "dataclasses",
        False,
        f"{found[0]}/dataclasses.py hides Python's own module and stops Prefect's server: "
        "`pip uninstall -y dataclasses`.",
    )


def below(package: str, found: str | None, limit: tuple[int, int], effect: str) -> Finding:
    """Versions from `limit` on break Prefect 3.8."""
    wanted = ".".join(map(str, limit))
    if found is None:
        return Finding(package, False, f"{package} is not installed: {INSTALL}.")
    if tuple(int(part) for part in found.split(".")[:2]) < limit:
        return Finding(package, True, f"{package} {found}.")
    remedy = f"`pip install '{package}<{wanted}'`"
    return Finding(package, False, f"{package} is {found}; from {wanted} on {effect}: {remedy}.")


def prefect(found: str | None) -> Finding:
    """The flows are tested with 3.8; 3.9 could not be installed at the time of writing."""
    if found and found.startswith("3.8."):
        return Finding("prefect", True, f"Prefect {found}.")
    return Finding("prefect", False, f"Prefect is {found or 'missing'}, but 3.8.x is needed: {INSTALL}.")


def torch(found: str | None) -> Finding:
    """The version the models are tested with. A GPU is optional."""
    if not found or not found.startswith("2.13."):
        return Finding("torch", False, f"torch is {found or 'missing'}, but 2.13.0 is needed: {INSTALL}.")
    import torch as library

    gpus = library.cuda.device_count() if library.cuda.is_available() else 0
    where = f"{gpus} GPUs" if gpus else "no GPU: models train on the CPU"
    return Finding("torch", True, f"torch {found}, {where}.")


def storage_works(root: str) -> Finding:
    """Whether the place of the artifacts can be written."""
    try:
        require_root(root)
    except PipelineError as error:
        return Finding("root", False, str(error))
    return Finding("root", True, f"{root} can be written.")


def work_dir_works(folder: Path) -> Finding:
    """Whether the folder of unfinished training can be written."""
    try:
        require_writable(folder, "--work-dir")
    except PipelineError as error:
        return Finding("work", False, str(error))
    return Finding("work", True, f"{folder} can be written.")


def disk(folder: Path, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free) -> Finding:
    """Free space for training states and copies of models."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free_gb = free_bytes(there) / 1e9
    if free_gb >= LEAST_FREE_GB:
        return Finding("disk", True, f"{free_gb:,.0f} GB free at {there}.")
    return Finding("disk", False, f"Only {free_gb:.1f} GB free at {there}: free some, or set --work-dir elsewhere.")


def api(address: str | None) -> Finding:
    """Whether the Prefect server answers, where one is configured."""
    if not address:
        return Finding("server", True, "No Prefect server set: a run starts its own (`dalle up` starts one with a UI).")
    try:
        with urllib.request.urlopen(environment.request(f"{address.rstrip('/')}/health"), timeout=5):
            return Finding("server", True, f"The Prefect server at {address} answers.")
    except OSError as error:
        return Finding(
            "server", False, f"No Prefect server answers at {address} ({error}): `dalle up`, or unset PREFECT_API_URL."
        )


def port(number: int) -> Finding:
    """Whether `dalle up` can listen on this port. A port in use is no failure: `dalle up` may be running there."""
    if is_free(number):
        return Finding("port", True, f"Port {number} is free for `dalle up`.")
    return Finding("port", True, f"Port {number} is taken: by `dalle up`, or else use `dalle up --port`.")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT counts as free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that no server of this machine listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
