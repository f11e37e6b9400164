"""Trainings on this machine: processes in a session of their own, which a killed run leaves for the next to find."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import psutil
from pydantic import Field

from models.config import Frozen
from models.training.start import AGENT
from tasks.launch.agent import agent_command, agent_environment, forget_meetings
from tasks.launch.launcher import JOB, JobState, Phase

LOG = "trainer.log"
GRACE_S = 20.0


class LocalLauncher(Frozen):
    """Starts trainers on this machine. The id of a job is the process id of its agent and when it started."""

    kind: Literal["local"] = "local"
    processes_per_node: int = Field(1, ge=1, description="Training processes on this machine, one for each GPU.")

    @property
    def nodes(self) -> int:
        """This machine."""
        return 1

    @property
    def ranks_per_node(self) -> int:
        """Training processes."""
        return self.processes_per_node

    @property
    def poll_s(self) -> float:
        """Seconds between two looks at a job."""
        return 0.5

    def require(self) -> None:
        """Processes can always be started."""

    def find(self, folder: Path) -> str | None:
        """Found by its command line."""
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if AGENT in command and str(folder / JOB) in command:
                return _id(process)
        return None

    def submit(self, module: str, folder: Path) -> str:
        """Starts torchrun's agent, which starts the ranks and ends them when it is told to end."""
        forget_meetings(folder)
        command = agent_command(module, folder, self.processes_per_node, nodes=1, python=sys.executable)
        env = agent_environment(os.environ, folder, nodes=1)
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, start_new_session=True
            )
        return _id(psutil.Process(process.pid))

    def state(self, job: str) -> JobState:
        """RUNNING while the agent is there: it ends after its ranks."""
        process = _process(job)
        try:
            if process is None or process.status() != psutil.STATUS_ZOMBIE:
                return JobState(Phase.RUNNING if process else Phase.ENDED)
            process.wait()
        except psutil.NoSuchProcess:
            pass
        return JobState(Phase.ENDED)

    def cancel(self, job: str) -> None:
        """Ends the whole session: by SIGTERM, and by SIGKILL what still runs 20 s later."""
        for end in (signal.SIGTERM, signal.SIGKILL):
            process = _process(job)
            if process is None:
                return
            try:
                os.killpg(process.pid, end)
                process.wait(GRACE_S)
            except (ProcessLookupError, psutil.NoSuchProcess):
                return
            except psutil.TimeoutExpired:
                continue


def _id(process: psutil.Process) -> str:
    return f"{process.pid}@{process.create_time()}"


def _process(job: str) -> psutil.Process | None:
    """The process with this id; None if it is gone, and its number perhaps another's."""
    pid, _, started = job.partition("@")
    try:
        process = psutil.Process(int(pid))
        return process if process.create_time() == float(started) else None
    except psutil.NoSuchProcess:
        return None
