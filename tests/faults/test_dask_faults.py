"""Dask workers and schedulers that end, are silent, or are not fit for the work: the run ends with one sentence."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.web import free_port

pytestmark = pytest.mark.end_to_end

PROJECT = Path(__file__).parents[2]
RUN = """
import os, signal, sys, time
from pathlib import Path
from tasks.engine import shards
from tasks.errors import ClusterError
from tasks.settings import Settings

def work(item):
    if sys.argv[1] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.5)
    return item

def done(item):
    print("done", item, flush=True)

if __name__ == "__main__":
    settings = Settings(work_dir=sys.argv[2], dask_address=sys.argv[3] if len(sys.argv) > 3 else None, dask_workers=1)
    try:
        shards.map_shards(work, range(20), settings, done)
    except ClusterError as error:
        print(error)
"""
# Workers as their users start them, but on machines where the project is not installed, or is another version.
WORKER = "from distributed.cli.dask_worker import main; main()"
WITHOUT_PROJECT = f"import sys; sys.modules['tasks'] = None; {WORKER}"


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A process that maps over shards; what it prints goes to `told`."""
    (folder / "run.py").write_text(RUN)
    with (folder / "told").open("w") as told:
        command = [sys.executable, str(folder / "run.py"), words[0], str(folder / "work"), *words[1:]]
        return subprocess.Popen(command, stdout=told, stderr=told, env=environment(PROJECT), text=True)


def said(folder: Path, *words: str) -> str:
    assert start(folder, *words).wait(120) == 0
    return (folder / "told").read_text()


def environment(project: Path) -> dict[str, str]:
    return {"PATH": "", "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def cluster(worker: str = WORKER, project: Path = PROJECT) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler with a worker: its address and its process."""
    address = f"tcp://127.0.0.1:{free_port()}"
    commands = [
        ["-m", "dask", "scheduler", "--host", address, "--no-dashboard"],
        ["-c", worker, address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"],
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment(project), "cwd": project}
    started = [subprocess.Popen([sys.executable, *command], **quiet) for command in commands]  # type: ignore[call-overload]
    try:
        wait_for_worker(address)
        yield address, started[0]
    finally:
        for process in started:
            process.kill()
            process.wait()


def wait_for_worker(address: str) -> None:
    from distributed import Client

    deadline = time.monotonic() + 60
    while True:
        try:
            with Client(address, timeout=5, set_as_default=False) as client:
                return client.wait_for_workers(1, timeout=60)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_a_scheduler_that_is_lost_ends_the_run_with_one_sentence(tmp_path):
    with cluster() as (address, scheduler):
        run = start(tmp_path, "works", address)
        while "done" not in (tmp_path / "told").read_text():
            assert run.poll() is None, (tmp_path / "told").read_text()
            time.sleep(0.05)
        scheduler.kill()
        assert run.wait(60) == 0
    lines = (tmp_path / "told").read_text().splitlines()
    assert len(lines) < 20
    assert all(line.startswith("done") for line in lines[:-1])
    assert lines[-1].startswith(f"The Dask scheduler at {address} was lost: start it and run again; every finished")


def test_an_address_at_which_nobody_answers_as_a_scheduler_does_is_one_sentence(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        told = said(tmp_path, "works", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
    assert told.startswith("No Dask scheduler answers at tcp://127.0.0.1:")
    assert told.count("\n") == 1


def test_a_shard_that_ends_every_worker_is_one_sentence(tmp_path):
    told = said(tmp_path, "dies")
    assert told.startswith("A shard ended 4 Dask workers one after the other, often for want of memory: run again with")
    # Once in ten times the process of a worker that was just started again ends with a traceback of Dask's own.
    ours, _, _ = told.partition("Process Dask Worker process (from Nanny):")
    assert ours.count("\n") == 1


def test_workers_without_the_project_are_named(tmp_path):
    with cluster(WITHOUT_PROJECT) as (address, _):
        told = said(tmp_path, "works", address)
    assert told.startswith("The Dask worker at tcp://127.0.0.1:")
    assert "cannot load this project" in told
    assert told.count("\n") == 1


def test_workers_with_other_code_are_named_before_they_make_other_results(tmp_path):
    for name in ("tasks", "models"):
        shutil.copytree(PROJECT / name, tmp_path / "other" / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "other/tasks/pack.py").open("a") as file:
        file.write("# A change.\n")
    with cluster(project=tmp_path / "other") as (address, _):
        told = said(tmp_path, "works", address)
    assert "has another code of this project than this machine" in told
    assert told.count("\n") == 1
