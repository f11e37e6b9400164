"""Processes that the SSH launcher starts on a host: known by their mark, their end on record, ended to the last."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.processes import ends

from tasks.launch import host

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
ORPHAN = ["sh", "-c", "setsid sleep 600 & echo $! && sleep 0.2"]  # leaves a process in another session


def start(folder: Path, command: list[str], mark: str) -> dict[str, Any]:
    """Starts it, and returns how to ask for it."""
    known = {"mark": mark, "exit_status": str(folder / "agent" / "0.exit")}
    places = {"folder": str(folder), "directory": str(folder), "log": str(folder / "log")}
    host.start(command=command, environment={"WORD": "hello"}, nodes=2, **places, **known)
    return known


def wait(folder: Path, what: str) -> str:
    deadline = time.monotonic() + 60
    while not (text := (folder / what).read_text() if (folder / what).exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return text


@pytest.mark.parametrize(("command", "status"), [("echo $WORD", 0), ("exit 3", 3), ("kill -9 $$", 137)])
def test_the_exit_status_of_an_agent_is_kept(tmp_path: Path, command: str, status: int) -> None:
    known = start(tmp_path, ["sh", "-c", command], mark=str(tmp_path))
    wait(tmp_path, "agent/0.exit")
    assert host.end(known["mark"], grace_s=10) == {"left": []}
    found = host.state(**known)
    assert (found["running"], found["exit"]) == (False, status)
    assert "hello" in (tmp_path / "log").read_text() or status


def test_an_agent_that_has_left_no_exit_status_is_running_or_gone(tmp_path: Path) -> None:
    known = start(tmp_path, ["sleep", "600"], mark=str(tmp_path))
    assert host.state(**known) == {"running": True, "exit": None, "at": None}
    for process in host._processes(known["mark"]):
        os.kill(process.pid, signal.SIGKILL)
    assert host.end(known["mark"], grace_s=10) == {"left": []}
    assert host.state(**known)["running"] is False


def test_what_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    known = start(tmp_path, [sys.executable, "-c", STUBBORN], mark=str(tmp_path))
    wait(tmp_path, "log")
    started = time.monotonic()
    assert host.end(known["mark"], grace_s=0.3) == {"left": []}
    assert time.monotonic() - started > 0.3
    assert host.state(**known)["running"] is False


def test_processes_whose_parents_are_gone_are_ended_too(tmp_path: Path) -> None:
    known = start(tmp_path, ORPHAN, mark=str(tmp_path))
    orphan = psutil.Process(int(wait(tmp_path, "log")))
    wait(tmp_path, "agent/0.exit")
    assert host.state(**known)["running"] is True
    assert host.end(known["mark"], grace_s=10) == {"left": []}
    assert ends(orphan)


def test_an_order_comes_by_standard_input_and_its_answer_is_json(tmp_path: Path) -> None:
    words = '{"order": "state", "mark": "none", "exit_status": "none"}'
    command = [sys.executable, "-m", "tasks.launch.host"]
    done = subprocess.run(
        command, input=words, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout == '{"running": false, "exit": null, "at": null}\n'
