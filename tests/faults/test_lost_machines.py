"""Trainings on two machines of two ranks that lose a cable, a rank, an agent, their flow or a machine.

Afterwards, and after the next run if the first has failed: the weights of an undisturbed training, no process left, and
no step repeated that a checkpoint holds.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from support import line_trainer
from support.machines import EXEC, INTERFACE, Machine, machines, needs_machines

from models.training.checkpoint import read_tensors
from models.training.distributed import Ranks
from models.training.start import AGENT
from tasks.errors import TrainingFailedError
from tasks.launch.run import launch
from tasks.launch.ssh import SshLauncher

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), needs_machines]

TRAINER = "support.line_trainer"
STEPS, EVERY = 30, 5  # steps, and steps between checkpoints
TRAINING = {"steps": STEPS, "batch_size": 8, "warmup_steps": 2, "log_every": 5, "threads": 1}
JOB = {"training": TRAINING | {"checkpoint_every": EVERY}}
ENDS_S = 500
RUN = """
import json, sys
from pathlib import Path
from tasks.errors import TrainingFailedError
from tasks.launch.run import launch
from tasks.launch.ssh import SshLauncher

module, folder, job, launcher = sys.argv[1:]
try:
    launch(module, json.loads(job), Path(folder), SshLauncher.model_validate_json(launcher), lambda progress: None)
except TrainingFailedError as error:
    sys.exit(str(error))
"""


@dataclass
class Training:
    """One training in a folder, on machines whose network no other test uses."""

    folder: Path
    on: list[Machine]
    ranks_timeout_s: float = 300
    grace_s: float = 60
    job: dict[str, Any] = field(default_factory=lambda: dict(JOB))
    runs: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def launcher(self) -> SshLauncher:
        times = {"poll_s": 0.3, "lost_after_s": 1, "grace_s": self.grace_s, "ranks_timeout_s": self.ranks_timeout_s}
        hosts = tuple(machine.name for machine in self.on)
        return SshLauncher(hosts=hosts, interface=INTERFACE, reach=(*EXEC, "{host}"), processes_per_node=2, **times)

    def start(self) -> "subprocess.Popen[str]":
        """A flow process that launches it."""
        words = [TRAINER, str(self.folder), json.dumps(self.job), self.launcher.model_dump_json()]
        run = subprocess.Popen([sys.executable, "-c", RUN, *words], stderr=subprocess.PIPE, text=True)
        self.runs.append(run)
        return run

    def finish(self) -> None:
        """Launches it in this process, to its end."""
        launch(TRAINER, self.job, self.folder, self.launcher, lambda progress: None)

    def wait_for_step(self, number: int) -> None:
        deadline = time.monotonic() + ENDS_S
        while number not in self.steps():
            assert time.monotonic() < deadline, self.logs()
            assert self.runs[-1].poll() is None, self.logs()
            time.sleep(0.05)

    def steps(self) -> list[int]:
        """The steps begun so far, in their order."""
        path = self.folder / line_trainer.STEPS
        return [int(step) for step in path.read_text().split()] if path.exists() else []

    def weights(self) -> dict[str, torch.Tensor]:
        return read_tensors(self.folder / "weights.safetensors")[0]

    def last_checkpoint(self) -> int:
        return max(int(path.name.removeprefix("step-")) for path in (self.folder / "checkpoints").glob("step-*"))

    def process(self, module: str, **environment: str) -> psutil.Process:
        """The Python process of a module on any of the machines that has some variables in its environment."""
        (found,) = (
            process
            for machine in self.on
            for process in machine.processes()
            if module in process.cmdline() and process.cmdline()[0] == sys.executable
            if environment.items() <= process.environ().items()
        )
        return found

    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads((self.folder / "error.json").read_text())
        return error

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in self.folder.glob("trainer*.log"))


@pytest.fixture(scope="module", autouse=True)
def _trainer_can_be_imported() -> Iterator[None]:
    tests = Path(__file__).parents[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(tests.parent), str(tests)]))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    with machines(2) as both:
        begun = Training(tmp_path, both)
        yield begun
        for run in begun.runs:
            run.kill()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """Weights of a training that nothing happens to."""
    with machines(2) as both:
        begun = Training(tmp_path_factory.mktemp("undisturbed"), both)
        begun.finish()
        assert begun.steps() == list(range(STEPS))
        assert [machine.processes() for machine in both] == [[], []]
    return begun.weights()


def is_as(undisturbed: dict[str, torch.Tensor], training: Training) -> None:
    weights = training.weights()
    assert weights.keys() == undisturbed.keys()
    assert all(torch.equal(weights[name], undisturbed[name]) for name in weights)


def nothing_is_left(training: Training) -> None:
    assert [machine.processes() for machine in training.on] == [[] for _ in training.on]


def goes_on(training: Training) -> None:
    """Runs it again: it begins with the step after the last checkpoint, and takes every step once from there on."""
    done, saved = training.steps(), training.last_checkpoint()
    assert len(done) - saved <= EVERY + 1
    training.finish()
    assert training.steps()[len(done) :] == list(range(saved, STEPS))
    nothing_is_left(training)


def test_ranks_on_two_machines_give_the_weights_of_one_process(
    undisturbed: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    job = line_trainer.Job.model_validate(JOB | {"out": str(tmp_path), "seconds_per_step": 0})
    line_trainer.train(job, Ranks())
    for name, tensor in read_tensors(tmp_path / "weights.safetensors")[0].items():
        torch.testing.assert_close(tensor, undisturbed[name], atol=1e-6, rtol=0)


def test_a_cut_cable_ends_the_ranks_of_both_machines_by_their_timeout(
    training: Training, undisturbed: dict[str, torch.Tensor]
) -> None:
    training.ranks_timeout_s = 20
    training.grace_s = 5  # for the agent that waits for the first machine, whatever it is told
    run = training.start()
    training.wait_for_step(7)
    training.on[1].cut()
    said = run.communicate(timeout=ENDS_S)[1]
    assert training.error()["type"] == "LostRankError"
    assert "heard nothing from the others for 20 s: a machine or its network is down" in said
    nothing_is_left(training)
    training.on[1].mend()
    goes_on(training)
    is_as(undisturbed, training)


def kill_a_rank(training: Training) -> None:
    training.process(TRAINER, RANK="2").kill()


def kill_an_agent(training: Training) -> None:
    training.process(AGENT, DALLE_HOST=training.on[1].name).kill()


@pytest.mark.parametrize(
    ("kill", "says"),
    [
        (kill_a_rank, r"^Training ended early \(.*rank 2 was ended by SIGKILL.*; run again to go on .*trainer-dalle-"),
        (kill_an_agent, r"^the agent on host dalle-.*-1 was ended by SIGKILL: training was stopped by SIGTERM"),
    ],
)
def test_a_killed_rank_or_agent_ends_all_others_and_the_next_run_goes_on(
    training: Training, undisturbed: dict[str, torch.Tensor], kill: Callable[[Training], None], says: str
) -> None:
    run = training.start()
    training.wait_for_step(7)
    kill(training)
    with pytest.raises(TrainingFailedError, match=says):
        raise TrainingFailedError(run.communicate(timeout=ENDS_S)[1])
    nothing_is_left(training)
    goes_on(training)
    is_as(undisturbed, training)


def test_a_killed_flow_is_replaced_by_the_next_and_no_step_is_repeated(
    training: Training, undisturbed: dict[str, torch.Tensor]
) -> None:
    run = training.start()
    training.wait_for_step(3)
    run.kill()
    run.wait()
    training.finish()
    assert training.steps() == list(range(STEPS))
    nothing_is_left(training)
    is_as(undisturbed, training)


def test_sigterm_to_the_flow_at_any_step_ends_all_machines_with_a_checkpoint(
    training: Training, undisturbed: dict[str, torch.Tensor]
) -> None:
    training.job["seconds_per_step"] = 0.5  # the order must reach the hosts before the last step
    step = random.SystemRandom().randrange(STEPS // 2)
    print(f"SIGTERM at step {step}")
    run = training.start()
    training.wait_for_step(step)
    run.send_signal(signal.SIGTERM)
    assert run.wait(ENDS_S) == 128 + signal.SIGTERM
    nothing_is_left(training)
    assert training.error()["type"] == "StoppedError"
    assert training.last_checkpoint() == len(training.steps())
    goes_on(training)
    is_as(undisturbed, training)


def test_a_lost_machine_is_named_and_the_others_go_on_without_it(
    training: Training, undisturbed: dict[str, torch.Tensor]
) -> None:
    run = training.start()
    training.wait_for_step(7)
    lost = training.on.pop()
    lost.lose()
    said = run.communicate(timeout=ENDS_S)[1]
    assert f"host {lost.name} was lost (" in said
    nothing_is_left(training)
    goes_on(training)
    for name, tensor in training.weights().items():  # of two ranks: their gradients are summed in another order
        torch.testing.assert_close(tensor, undisturbed[name], atol=1e-6, rtol=0)
