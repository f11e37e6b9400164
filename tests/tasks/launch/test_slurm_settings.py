"""The Slurm launcher where there is no Slurm, and its settings."""

from pathlib import Path

import pytest

from flows.cli.verbs.options import launcher_of, settings_of
from tasks.errors import ConfigError, LauncherError
from tasks.launch.launcher import Phase
from tasks.launch.run import launch
from tasks.launch.slurm import SlurmLauncher


def test_a_machine_without_slurm_is_answered_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"There is no sbatch here .*: run on a machine from which jobs are"):
        SlurmLauncher().require()
    with pytest.raises(LauncherError, match=r"There is no squeue here"):
        launch("support.toy_trainer", {}, tmp_path, SlurmLauncher(), lambda progress: None)


@pytest.mark.parametrize(
    ("shown", "phase"),
    [
        ("RUNNING|None", Phase.RUNNING),
        ("COMPLETING|None", Phase.RUNNING),
        ("PENDING|BeginTime", Phase.WAITING),
        ("REQUEUED|None", Phase.WAITING),
        ("RESV_DEL_HOLD|ReservationDeleted", Phase.WAITING),
        ("POWER_UP_NODE|None", Phase.WAITING),
        ("COMPLETED|None", Phase.ENDED),
        ("FAILED|NonZeroExitCode", Phase.ENDED),
        ("NODE_FAIL|None", Phase.ENDED),
        ("", Phase.ENDED),
    ],
)
def test_a_job_has_ended_only_in_a_state_after_which_none_goes_on(tmp_path, monkeypatch, shown, phase):
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\necho '{shown}'\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert SlurmLauncher().state("5").phase is phase


def test_what_is_no_option_of_sbatch_is_refused():
    with pytest.raises(ValueError, match="begins with -"):
        SlurmLauncher(options=("constraint=a100",))


def test_a_file_and_an_option_say_where_trainings_run():
    example = Path(__file__).parents[3] / "infra" / "slurm.yaml"
    launcher = settings_of(launcher=launcher_of(example, processes=4)).launcher
    assert isinstance(launcher, SlurmLauncher)
    assert (launcher.nodes, launcher.gpus_per_node, launcher.processes_per_node) == (2, 8, 4)
