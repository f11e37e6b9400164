"""The Prefect server of one run ends with it, however the run ends."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest
from support.processes import ends

pytestmark = pytest.mark.end_to_end

RUN = """
import sys, time
from flows.cli import environment
from flows.cli.own_server import own_server
environment.prepare()
with own_server() as api:
    print(api, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["kill -9", "its end"])
def test_the_server_ends_with_its_run(tmp_path: Path, how: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env=env | {"DALLE_STATE": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with run:
        assert run.stdout
        api = run.stdout.readline().strip()
        assert api.startswith("http://127.0.0.1:"), (tmp_path / "logs" / "own-server.log").read_text()
        with urllib.request.urlopen(f"{api}/health", timeout=30) as answer:
            assert answer.status == 200
        (server,) = psutil.Process(run.pid).children()
        if how == "kill -9":
            run.send_signal(signal.SIGKILL)
        else:
            run.communicate("")
        assert ends(server, within_s=5)
