"""kill -9 of a worker and its run: `dalle up` tells the server, and the next run of the deployment goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.services import Services, started_services

from flows.cli.crashed import RUN_ID

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]

LIMIT_S = 120.0
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def create_run(services: Services, deployment: str, folder: Path) -> str:
    """A run whose source does not exist: it starts, and ends with a message."""
    [found] = services.api("deployments/filter", {"deployments": {"name": {"any_": [deployment]}}})
    parameters = {"recipe": "smoke", "settings": {"root": str(folder / "runs"), "work_dir": str(folder / "work")}}
    return services.api(f"deployments/{found['id']}/create_flow_run", {"parameters": parameters})["id"]


def state(services: Services, run: str) -> dict[str, Any]:
    [found] = services.api("flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    return found["state"]


def wait_until(services: Services, run: str, *types: str) -> dict[str, Any]:
    deadline = time.monotonic() + LIMIT_S
    while (now := state(services, run))["type"] not in types:
        assert time.monotonic() < deadline, now
        time.sleep(0.5)
    return now


def processes_of(run: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_ID) == run:
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, 10)


def test_a_killed_run_is_crashed_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with started_services(tmp_path / "state") as services:
        killed = create_run(services, "ingest", tmp_path / "killed")
        wait_until(services, killed, "RUNNING")
        following = create_run(services, "ingest", tmp_path / "following")
        os.kill(services.recorded["worker"]["pid"], signal.SIGKILL)
        kill_all(processes_of(killed))

        other = create_run(services, "demo", tmp_path / "other")  # that another worker of this machine runs
        services.api(f"flow_runs/{other}/set_state", {"state": {"type": "RUNNING", "name": "Running"}, "force": True})
        sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
        with subprocess.Popen(sleeper, env={**os.environ, RUN_ID: other}) as process:
            services.dalle("up", "--port", str(services.port))
            assert wait_until(services, killed, "CRASHED")["name"] == "Crashed"
            assert state(services, other)["type"] == "RUNNING"
            process.kill()
        wait_until(services, following, "RUNNING", "COMPLETED")
        kill_all(processes_of(following))
