"""A run that is told to end, after its Prefect server was killed: it ends, and starts no trainer again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.processes import children_running

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]

TESTS = str(Path(__file__).parents[1])
# `dalle run` with a pipeline of one part, which trains for minutes.
RUN = """
import sys
import flows.pipeline
from tasks.engine.stage import StageConfig, stage
from tasks.launch.run import launch

class TrainingConfig(StageConfig):
    pass

@stage(TrainingConfig)
def training(config, output):
    job = {"steps": 3000, "seconds_per_step": 0.1}
    done = launch("support.toy_trainer", job, output.scratch, output.settings.launcher, output.watch)
    output.metrics.update(done["metrics"])

def part(run):
    return run(training, TrainingConfig())

flows.pipeline.pipeline = lambda run, config, approve=None: run.part(part)

from flows.cli.app import app
app(["run", "--recipe", "smoke", *sys.argv[1:]])
"""


def wait_for_one(folder: Path, pattern: str, run: subprocess.Popen[bytes], log: Path) -> Path:
    while not (found := list(folder.glob(pattern))):
        assert run.poll() is None, log.read_text()
        time.sleep(0.1)
    return found[0]


@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_run_without_its_server_ends_by_the_first_signal(tmp_path: Path, stop: signal.Signals, code: int) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"DALLE_STATE": str(tmp_path / "state"), "PYTHONPATH": os.pathsep.join([TESTS, str(Path(TESTS).parent)])}
    folders = ["--root", str(tmp_path / "root"), "--work-dir", str(tmp_path / "work")]
    log = tmp_path / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen([sys.executable, "-c", RUN, *folders], stdout=out, stderr=out, env=env) as run,
    ):
        progress = wait_for_one(tmp_path / "work", "**/progress.json", run, log)
        [server] = children_running("flows.cli.own_server", run.pid)
        trainers = psutil.Process(run.pid).children(recursive=True)
        server.kill()
        run.send_signal(stop)
        try:
            assert run.wait(60) == code, log.read_text()
        finally:
            run.kill()
    assert (progress.parent / "starts").read_text().count("started") == 1
    assert psutil.wait_procs(trainers, 20)[1] == []
    assert "Traceback" not in log.read_text()
