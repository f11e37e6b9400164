"""Prefect's server killed in the middle of a run: the run goes on without it, and says so in one sentence."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest
from support.services import DALLE
from support.small_demo import small_source

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_run_whose_server_is_killed_makes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALLE_STATE", str(tmp_path / "state"))
    for name in ("PREFECT_HOME", "PREFECT_API_URL", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    command = [
        DALLE,
        "run",
        "--recipe",
        "smoke",
        "--root",
        str(tmp_path / "root"),
        "--work-dir",
        str(tmp_path / "work"),
    ]
    command += ["--dask-workers", "1", *small_source(tmp_path)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as run:
        while not list((tmp_path / "root").glob("screen_captions/*/manifest.json")):
            assert run.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.1)
        (server,) = (p for p in psutil.Process(run.pid).children() if "flows.cli.own_server" in p.cmdline())
        server.kill()
        assert run.wait(600) == 0, (tmp_path / "log").read_text()
    told = (tmp_path / "log").read_text()
    assert told.count("Prefect's server no longer answers: the run goes on") == 1
    assert "Traceback" not in told
    assert "Error logging" not in told
    assert "16 stages made, 0 reused." in told
