"""Training processes: started once, watched, found again, and ended with the run that started them."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.processes import ends

from models.training.start import AGENT
from tasks.errors import TrainingFailedError
from tasks.launch.local import LocalLauncher
from tasks.launch.run import launch

pytestmark = pytest.mark.end_to_end

TESTS = str(Path(__file__).parents[2])
RUN = """
import json, sys
from pathlib import Path
from tasks.launch.local import LocalLauncher
from tasks.launch.run import launch
folder = Path(sys.argv[1])
job = json.loads(sys.argv[2])
launcher = LocalLauncher(processes_per_node=job.get("ranks", 1))
print(launch("support.toy_trainer", job, folder, launcher, lambda progress: None), flush=True)
"""

ONE = LocalLauncher()


@pytest.fixture(autouse=True)
def _toy_trainer_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", TESTS)


def start_run(folder, **job):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), json.dumps(job)], stdout=subprocess.PIPE, text=True
    )


def launched(folder, job, launcher=ONE, watch=lambda progress: None):
    return launch("support.toy_trainer", job, folder, launcher, watch)


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


def survivors(folder):
    return [p for p in psutil.process_iter(["cmdline"]) if str(folder / "job.json") in (p.info["cmdline"] or [])]


def test_a_finished_training_is_not_started_again(tmp_path):
    job = {"steps": 2, "seconds_per_step": 0.01}
    seen = []
    assert launched(tmp_path, job, watch=seen.append) == {"metrics": {"steps": 2}}
    launched(tmp_path, job, watch=seen.append)
    assert (tmp_path / "starts").read_text().count("started") == 1
    assert seen[-1].total == 2


def test_a_training_writes_under_its_folder_and_the_work_folder_alone(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    monkeypatch.setenv("HOME", str(elsewhere))
    (tmp_path / "training").mkdir()
    two = LocalLauncher(processes_per_node=2)
    job = {"steps": 1, "seconds_per_step": 0.01, "join": True}
    launched(tmp_path / "training", job, two)
    assert list(elsewhere.iterdir()) == []


def test_a_failed_training_says_why(tmp_path):
    job = {"fail": "the data is empty: name another"}
    with pytest.raises(TrainingFailedError, match="the data is empty: name another"):
        launched(tmp_path, job)


def test_a_killed_run_finds_its_trainer_again(tmp_path):
    run = start_run(tmp_path, steps=80, seconds_per_step=0.1)
    wait_for(tmp_path / "progress.json")
    run.kill()
    run.wait()
    assert survivors(tmp_path)
    assert launched(tmp_path, {}) == {"metrics": {"steps": 80}}
    assert (tmp_path / "starts").read_text().count("started") == 1


def test_a_killed_trainer_is_started_again(tmp_path):
    run = start_run(tmp_path, steps=3000, seconds_per_step=0.1)
    wait_for(tmp_path / "progress.json")
    run.kill()
    run.wait()
    for process in survivors(tmp_path):
        process.kill()
    job = {"steps": 1, "seconds_per_step": 0.01}
    assert launched(tmp_path, job) == {"metrics": {"steps": 1}}
    assert (tmp_path / "starts").read_text().count("started") == 2


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_run_leaves_no_trainer_behind(tmp_path, stop):
    run = start_run(tmp_path, steps=3000, seconds_per_step=0.1)
    wait_for(tmp_path / "progress.json")
    run.send_signal(stop)
    run.wait(timeout=60)
    assert survivors(tmp_path) == []


def test_a_trainer_ends_with_its_agent_before_it_has_run_a_line_of_its_own(tmp_path):
    run = start_run(tmp_path, steps=3000, seconds_per_step=0.1)
    wait_for(tmp_path / "starts")  # the toy trainer does nothing about its parent
    (agent,) = (process for process in survivors(tmp_path) if AGENT in process.cmdline())
    ranks = agent.children(recursive=True)
    agent.kill()
    assert ranks
    assert all(ends(rank) for rank in ranks)
    run.wait(timeout=60)
    assert run.returncode != 0


def test_a_rank_without_an_agent_ends_at_once():
    command = [sys.executable, "-m", "models.training.start", "support.toy_trainer", "no-job.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(TESTS).parent)
    assert (done.returncode, done.stderr) == (1, "error: the agent ended before this rank began\n")


@pytest.mark.parametrize(
    ("ends_by", "said"),
    [
        ({"signal": int(signal.SIGKILL)}, r"rank 1 was ended by SIGKILL: often for want of memory"),
        ({"signal": int(signal.SIGSEGV)}, r"rank 1 was ended by SIGSEGV"),
        ({"raise": "no such picture"}, r"RuntimeError: no such picture"),
    ],
)
def test_the_last_words_are_those_of_the_rank_that_failed(tmp_path, ends_by, said):
    two = LocalLauncher(processes_per_node=2)
    job = {"failing_rank": "1", "steps": 3000, "seconds_per_step": 0.1} | ends_by
    with pytest.raises(TrainingFailedError, match=rf"^Training ended early \({said}.*run again") as caught:
        launched(tmp_path, job, two)
    assert "===" not in str(caught.value)


@pytest.mark.parametrize(
    "job", [{"fail": "I/O error: No space left on device (os error 28)"}, {"raise": "No space left on device"}]
)
def test_a_full_work_folder_is_named_with_the_remedy(tmp_path, job):
    with pytest.raises(TrainingFailedError, match=r"No space left to train in /.*: free some, or .* --work-dir"):
        launched(tmp_path, {"failing_rank": "0"} | job)


def test_words_of_an_earlier_attempt_are_not_repeated(tmp_path):
    (tmp_path / "trainer.log").write_text("Root Cause\n rank : 0\n exitcode : -9\nan older failure\n")
    job = {"failing_rank": "0", "raise": "the newer failure"}
    with pytest.raises(TrainingFailedError, match="the newer failure"):
        launched(tmp_path, job)


def test_several_ranks_find_each_other_and_nobody_else_can_reach_them(tmp_path):
    run = start_run(tmp_path, steps=3000, seconds_per_step=0.1, join=True, ranks=2)
    for rank in range(2):
        wait_for(tmp_path / f"joined-{rank}")
    (agent,) = (process for process in survivors(tmp_path) if AGENT in process.cmdline())
    listening = [
        socket.laddr.ip
        for process in (agent, *agent.children(recursive=True))
        for socket in process.net_connections()
        if socket.status == psutil.CONN_LISTEN
    ]
    run.send_signal(signal.SIGINT)
    run.wait(timeout=60)
    assert set(listening) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"metrics": 1}', "\x00\x00"])
def test_damaged_files_of_a_trainer_do_not_end_every_further_run(tmp_path, content):
    for name in ("done.json", "progress.json", "error.json"):
        (tmp_path / name).write_text(content)
    job = {"steps": 1, "seconds_per_step": 0.01}
    assert launched(tmp_path, job) == {"metrics": {"steps": 1}}


def test_a_finished_model_with_a_flipped_bit_is_not_taken_over(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"flipped")
    digest = hashlib.sha256(b"written").hexdigest()
    finished = {"metrics": {"steps": 9}, "sha256": {"weights.safetensors": digest}}
    (tmp_path / "done.json").write_text(json.dumps(finished))
    job = {"steps": 1, "seconds_per_step": 0.01}
    assert launched(tmp_path, job) == {"metrics": {"steps": 1}}
