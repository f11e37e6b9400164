"""What `launch` makes of what a launcher tells it, whatever kind of launcher it is."""

import json

import pytest

from tasks.errors import TrainingFailedError
from tasks.launch.launcher import JobState, Phase
from tasks.launch.run import launch


class FakeLauncher:
    """A launcher with one job, whose states are told one after the other; the last stays."""

    poll_s = 0.0

    def __init__(self, *states, found=None):
        self.states = list(states)
        self.found = found
        self.submitted = self.cancelled = None

    def find(self, folder):
        return self.found

    def submit(self, module, folder):
        self.submitted = module
        self.found = "7"
        return "7"

    def state(self, job):
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def cancel(self, job):
        self.cancelled = job


def launched(folder, launcher, watch=lambda progress: None):
    return launch("a.trainer", {}, folder, launcher, watch)


def test_the_reason_of_a_job_that_waits_is_passed_on(tmp_path):
    seen = []
    launcher = FakeLauncher(JobState(Phase.WAITING, "no node is free"), JobState(Phase.ENDED))
    with pytest.raises(TrainingFailedError):
        launched(tmp_path, launcher, seen.append)
    assert [progress.waits for progress in seen] == ["no node is free"]


def test_a_job_that_an_earlier_run_started_is_waited_for_and_none_is_started(tmp_path):
    launcher = FakeLauncher(JobState(Phase.RUNNING), JobState(Phase.ENDED), found="7")
    (tmp_path / "done.json").write_text('{"metrics": {"loss": 1.0}}')
    assert launched(tmp_path, launcher) == {"metrics": {"loss": 1.0}}
    assert launcher.submitted is None


def test_a_run_that_is_cancelled_while_it_submits_ends_the_job(tmp_path):
    launcher = FakeLauncher(JobState(Phase.RUNNING))
    submit = launcher.submit

    def interrupted(module, folder):
        submit(module, folder)
        raise KeyboardInterrupt

    launcher.submit = interrupted
    with pytest.raises(KeyboardInterrupt):
        launched(tmp_path, launcher)
    assert launcher.cancelled == "7"


def test_how_the_scheduler_ended_a_job_is_said_without_its_lines_in_the_log(tmp_path):
    launcher = FakeLauncher(JobState(Phase.ENDED, "Slurm job 7: OUT_OF_MEMORY"))
    submit = launcher.submit

    def printed(module, folder):
        log = "step 40 of 90\nslurmstepd: error: Detected 1 oom_kill event\nsrun: error: n1: task 0: Out Of Memory\n"
        (folder / "trainer.log").write_text(log)
        return submit(module, folder)

    launcher.submit = printed
    with pytest.raises(TrainingFailedError, match=r"early \(Slurm job 7: OUT_OF_MEMORY; step 40 of 90\); run again"):
        launched(tmp_path, launcher)


def test_a_job_without_a_log_points_to_the_folder_that_machines_share(tmp_path):
    launcher = FakeLauncher(JobState(Phase.ENDED, "Slurm job 7: FAILED"))
    with pytest.raises(TrainingFailedError, match=r"no log \(Slurm job 7: FAILED\): .* choose one with --work-dir"):
        launched(tmp_path, launcher)


def ended(folder, how, kind, logs=()):
    """What is said of a job that ended `how`, with an error of this kind on record and these logs."""
    launcher = FakeLauncher(JobState(Phase.ENDED, how))
    submit = launcher.submit

    def failed(module, folder):
        (folder / "error.json").write_text(json.dumps({"type": kind, "message": "words of a rank"}))
        for number, log in enumerate(logs):
            (folder / f"trainer-{number}.log").write_text(log)
        return submit(module, folder)

    launcher.submit = failed
    with pytest.raises(TrainingFailedError) as caught:
        launched(folder, launcher)
    return str(caught.value)


def test_what_was_done_to_a_job_is_said_before_what_its_ranks_noticed_of_it(tmp_path):
    assert ended(tmp_path, "host b was lost", "LostRankError") == "host b was lost: words of a rank"
    assert ended(tmp_path, "host b was lost", "StoppedError") == "host b was lost: words of a rank"
    assert ended(tmp_path, "", "LostRankError") == "words of a rank"
    assert ended(tmp_path, "host b failed", "ValueError") == "words of a rank"


def test_a_killed_rank_is_named_with_its_log_rather_than_those_that_lost_it(tmp_path):
    killed = "Root Cause (first observed failure):\n  rank      : 2\n  exitcode  : -9 (pid: 1)\n"
    said = ended(tmp_path, "", "LostRankError", ["error: words of a rank\n", killed])
    assert said.startswith("Training ended early (rank 2 was ended by SIGKILL")
    assert said.endswith(f"run again to go on from the last checkpoint; log: {tmp_path}/trainer-1.log.")
