"""Training processes: started once, watched, found again, and ended with the run that started them."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tasks.engine.launch import launch
from tasks.errors import TrainingFailedError

pytestmark = pytest.mark.end_to_end

TESTS = str(Path(__file__).parents[2])
RUN = """
import json, sys
from pathlib import Path
from tasks.engine.launch import launch
from tasks.settings import Settings
folder = Path(sys.argv[1])
print(launch("support.toy_trainer", json.loads(sys.argv[2]), folder, Settings(), lambda progress: None), flush=True)
"""


@pytest.fixture(autouse=True)
def _toy_trainer_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", TESTS)


def start_run(folder, **job):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), json.dumps(job)], stdout=subprocess.PIPE, text=True
    )


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


def survivors(folder):
    return [p for p in psutil.process_iter(["cmdline"]) if str(folder / "job.json") in (p.info["cmdline"] or [])]


def test_a_finished_training_is_not_started_again(tmp_path, settings):
    job = {"steps": 2, "seconds_per_step": 0.01}
    seen = []
    assert launch("support.toy_trainer", job, tmp_path, settings, seen.append) == {"metrics": {"steps": 2}}
    launch("support.toy_trainer", job, tmp_path, settings, seen.append)
    assert (tmp_path / "starts").read_text().count("started") == 1
    assert seen[-1].total == 2


def test_a_failed_training_says_why(tmp_path, settings):
    job = {"fail": "the data is empty: name another"}
    with pytest.raises(TrainingFailedError, match="the data is empty: name another"):
        launch("support.toy_trainer", job, tmp_path, settings, lambda progress: None)


def test_a_killed_run_finds_its_trainer_again(tmp_path, settings):
    run = start_run(tmp_path, steps=80, seconds_per_step=0.1)
    wait_for(tmp_path / "progress.json")
    run.kill()
    run.wait()
    assert survivors(tmp_path)
    assert launch("support.toy_trainer", {}, tmp_path, settings, lambda progress: None) == {"metrics": {"steps": 80}}
    assert (tmp_path / "starts").read_text().count("started") == 1


def test_a_killed_trainer_is_started_again(tmp_path, settings):
    run = start_run(tmp_path, steps=3000, seconds_per_step=0.1)
    wait_for(tmp_path / "progress.json")
    run.kill()
    run.wait()
    for process in survivors(tmp_path):
        process.kill()
    job = {"steps": 1, "seconds_per_step": 0.01}
    assert launch("support.toy_trainer", job, tmp_path, settings, lambda progress: None) == {"metrics": {"steps": 1}}
    assert (tmp_path / "starts").read_text().count("started") == 2


def test_a_cancelled_run_leaves_no_trainer_behind(tmp_path):
    run = start_run(tmp_path, steps=3000, seconds_per_step=0.1)
    wait_for(tmp_path / "progress.json")
    run.send_signal(signal.SIGINT)
    run.wait(timeout=60)
    assert survivors(tmp_path) == []
