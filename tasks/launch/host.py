"""What the SSH launcher does on a host: `python -m tasks.launch.host` carries out one order and prints the answer.

Order and answer are JSON, one by standard input, so that no shell on the way reads it. Imports nothing slow.
"""

import hashlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

import models
from models.training.start import AGENT
from tasks.launch.agent import agent_environment

MARK = "DALLE_AGENT"  # environment variable of every process of a job on a host: the job's name and the host's number
# Starts a command and leaves its exit status in a file; a SIGTERM that reaches it too is left to the command.
KEEPER = 'trap : TERM; "$@"; echo $? > "$0"'
LOOK_S = 0.1


def look(record: str, interface: str) -> dict[str, Any]:
    """What the host has: versions, the content of a file, None if it is not there, addresses, and a free TCP port."""
    v4 = {
        name: [each.address for each in addresses if each.family == socket.AF_INET]
        for name, addresses in psutil.net_if_addrs().items()
    }
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    return {
        "versions": versions(),
        "record": Path(record).read_text() if Path(record).is_file() else None,
        "interfaces": sorted(name for name, addresses in v4.items() if addresses),
        "address": next(iter(v4.get(interface, [])), None),
        "port": port,
    }


def versions() -> dict[str, str]:
    """What must be the same on all hosts of a job."""
    code = hashlib.sha256()
    folder = Path(models.__path__[0])
    for path in sorted(folder.rglob("*.py")):
        code.update(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, "torch": version("torch").split("+")[0], "models/": code.hexdigest()[:12]}


def start(
    command: list[str],
    environment: dict[str, str],
    mark: str,
    folder: str,
    directory: str,
    nodes: int,
    log: str,
    exit_status: str,
) -> dict[str, Any]:
    """Starts an agent in a session of its own; its exit status will be in the file `exit_status`.

    It works in `directory`, to which names of shards may be relative, or in the training's folder if it is not here.
    """
    env = agent_environment(os.environ, Path(folder), nodes) | environment | {MARK: mark}
    Path(exit_status).parent.mkdir(exist_ok=True)
    with Path(log).open("ab") as printed:
        keeper = ["/bin/sh", "-c", KEEPER, exit_status, *command]
        process = subprocess.Popen(
            keeper,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            env=env,
            cwd=directory if Path(directory).is_dir() else folder,
            start_new_session=True,
        )
    return {"pid": process.pid}


def state(mark: str, exit_status: str) -> dict[str, Any]:
    """Whether anything of the job runs here; the agent's exit status, None while it has left none, and when it did."""
    running = bool(_processes(mark))  # before the file is read: an agent that ends in between has not vanished
    with suppress(FileNotFoundError, ValueError):
        path = Path(exit_status)
        return {"running": running, "exit": int(path.read_text()), "at": path.stat().st_mtime}
    return {"running": running, "exit": None, "at": None}


def end(mark: str, grace_s: float) -> dict[str, Any]:
    """Ends every process of the job here, by SIGTERM and after the grace by SIGKILL; answers when they are gone."""
    _send(signal.SIGTERM, _outermost(_processes(mark)))
    _gone(mark, grace_s)
    _send(signal.SIGKILL, _processes(mark))
    _gone(mark, grace_s)
    return {"left": [process.pid for process in _processes(mark)]}


def _processes(mark: str) -> list[psutil.Process]:
    """Those that run. The mark is inherited, so that no process number has to be kept, and none is missed."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _outermost(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """The agent, which ends its ranks in order; without one the ranks, which end their readers."""
    agents, ranks = [], []
    for process in processes:
        with suppress(psutil.Error):
            if AGENT in process.cmdline():
                agents.append(process)
            elif process.parent() not in processes:
                ranks.append(process)
    return agents or ranks


def _send(number: signal.Signals, processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _gone(mark: str, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while _processes(mark) and time.monotonic() < deadline:
        time.sleep(LOOK_S)


ORDERS: dict[str, Callable[..., dict[str, Any]]] = {"look": look, "start": start, "state": state, "end": end}

if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(ORDERS[given.pop("order")](**given)))
