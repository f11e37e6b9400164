"""Trainings as Slurm jobs: on a cluster of two nodes that the tests start on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from support.slurm import ask, cluster, missing, unseen_by_n2

from tasks.errors import LauncherError, TrainingFailedError
from tasks.launch.launcher import Phase
from tasks.launch.run import launch
from tasks.launch.slurm import SlurmLauncher

PROJECT = Path(__file__).parents[3]
TOY, SAVING = "support.toy_trainer", "support.saving_trainer"
RUN = """
import json, sys
from pathlib import Path
from tasks.launch.run import launch
from tasks.launch.slurm import SlurmLauncher
module, folder, job = sys.argv[1:]
launch(module, json.loads(job), Path(folder), SlurmLauncher(poll_s=0.5), lambda progress: None)
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(missing()), reason=missing() or "Slurm is here"),
    pytest.mark.usefixtures("client"),
]


@pytest.fixture(scope="module")
def running_cluster():
    with cluster() as client:
        yield client


@pytest.fixture
def client(running_cluster, monkeypatch):
    """The environment of Slurm's programs, in this process too, where trainers of the tests can be imported."""
    for name, value in running_cluster.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PROJECT / "tests"), str(PROJECT)]))
    return running_cluster


@pytest.fixture
def folder(tmp_path):
    """A folder with a name that a shell or Slurm might take apart."""
    folder = tmp_path / "100 %j" / "0123"
    folder.mkdir(parents=True)
    return folder


def launched(folder, job, module=TOY, watch=lambda progress: None, **settings):
    return launch(module, job, folder, SlurmLauncher(poll_s=0.5, **settings), watch)


def start_run(folder, module, **job):
    return subprocess.Popen([sys.executable, "-c", RUN, module, str(folder), json.dumps(job)])


def wait_for(condition, run=None):
    for _ in range(2400):
        if condition():
            return
        assert run is None or run.poll() is None, "the run ended"
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def step_of(folder):
    try:
        return json.loads((folder / "progress.json").read_text())["step"]
    except FileNotFoundError:
        return -1


def processes_of(folder):
    return [p for p in psutil.process_iter(["cmdline"]) if str(folder / "job.json") in (p.info["cmdline"] or [])]


def test_ranks_on_two_nodes_meet_and_train_to_the_end(folder):
    job = {"steps": 3, "seconds_per_step": 0.1, "join": True}
    seen = []
    assert launched(folder, job, watch=seen.append, nodes=2) == {"metrics": {"steps": 3}}
    assert (folder / "joined-0").exists()
    assert (folder / "joined-1").exists()
    assert seen[-1].total == 3


def test_a_killed_run_finds_its_job_again(folder):
    run = start_run(folder, TOY, steps=100, seconds_per_step=0.1)
    wait_for(lambda: step_of(folder) > 0, run)
    before = SlurmLauncher().find(folder)
    run.kill()
    run.wait()
    assert before is not None
    assert SlurmLauncher().find(folder) == before
    assert launched(folder, {}) == {"metrics": {"steps": 100}}
    assert (folder / "starts").read_text().count("started") == 1


def test_a_cancelled_run_leaves_no_process_and_no_job_behind(folder):
    run = start_run(folder, TOY, steps=6000, seconds_per_step=0.1)
    wait_for(lambda: step_of(folder) > 0, run)
    assert processes_of(folder)
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=200) == 128 + signal.SIGTERM
    assert processes_of(folder) == []
    assert SlurmLauncher().find(folder) is None


@pytest.mark.parametrize(
    "interruption",
    [["scontrol", "requeue"], ["scancel", "--batch", "--signal=TERM"]],
    ids=["preempted", "near its time limit"],
)
def test_a_job_that_is_queued_again_goes_on_from_its_checkpoint(folder, client, interruption):
    expected = 0
    for step in range(60):
        expected = 31 * expected + step + 1
    run = start_run(folder, SAVING, steps=60, seconds_per_step=0.2)
    wait_for(lambda: step_of(folder) > 3, run)
    job = SlurmLauncher().find(folder)
    ask(client, *interruption, job)
    wait_for(lambda: SlurmLauncher().state(job).phase is Phase.WAITING, run)
    wait_for(lambda: SlurmLauncher().state(job).reason == f"Slurm job {job} is pending (BeginTime)", run)
    assert 3 < json.loads((folder / "checkpoint.json").read_text())[0] < 60
    # Slurm waits for two minutes, until the credentials that it revoked have expired. Within the same second, by its
    # clock, the node would take the new one for revoked, and the job would fail: "Job already killed, do not launch".
    ask(client, "scontrol", "update", f"JobId={job}", "StartTime=now+5seconds")
    assert run.wait(timeout=400) == 0
    assert json.loads((folder / "done.json").read_text()) == {"metrics": {"value": expected}}


def test_a_job_that_waits_says_why_and_can_be_cancelled(folder, client):
    ask(client, "sbatch", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 600")
    wait_for(lambda: "R" in ask(client, "squeue", "--noheader", "--format=%t"))

    def stop_when_told_why(progress):
        if "(Resources)" in progress.waits:
            assert SlurmLauncher().find(folder) is not None
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launched(folder, {"steps": 1, "seconds_per_step": 0.1}, watch=stop_when_told_why, nodes=2)
    assert SlurmLauncher().find(folder) is None
    ask(client, "scancel", "--user=root")


def test_a_failed_training_says_why_without_the_words_of_slurm(folder):
    with pytest.raises(TrainingFailedError, match=r"^Training ended early \(Slurm job \d+: FAILED; .*no such pic"):
        launched(folder, {"failing_rank": "0", "raise": "no such picture"})


def test_a_refused_job_is_one_sentence(folder):
    with pytest.raises(LauncherError, match=r"^Slurm did not take .* \(.*Invalid partition name.*\): correct"):
        launched(folder, {}, partition="nothing")


def test_a_node_that_does_not_see_the_work_folder_is_named(client):
    folder = unseen_by_n2(client)
    with pytest.raises(TrainingFailedError, match=rf"node n2 does not see {folder}/job.json: choose a --work-dir"):
        launched(folder, {"steps": 600, "seconds_per_step": 0.1}, nodes=2)


def test_the_example_is_taken_by_slurm(folder, client):
    launcher = SlurmLauncher.model_validate(yaml.safe_load((PROJECT / "infra" / "slurm.yaml").read_text()))
    (folder / "job.json").write_text("{}")
    ask(client, "scontrol", "update", "NodeName=n1,n2", "State=drain", "Reason=the job is not to begin")
    job = launcher.submit(TOY, folder)
    try:
        assert launcher.state(job).phase is Phase.WAITING
        shown = ask(client, "scontrol", "show", "job", job)
        assert "NumNodes=2" in shown
        assert "gres:gpu:8" in shown
    finally:
        ask(client, "scontrol", "update", "NodeName=n1,n2", "State=resume")
        launcher.cancel(job)
