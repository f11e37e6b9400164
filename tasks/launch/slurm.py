"""Trainings as jobs of a Slurm cluster: queued, found again by their name, and gone on with after a preemption."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from models.config import Frozen
from models.files import DONE
from tasks.engine import storage
from tasks.errors import ConfigError, LauncherError
from tasks.launch.agent import MEETING_PLACES, agent_command, agent_environment
from tasks.launch.launcher import JOB, JobState, Phase

SCRIPT = "job.sbatch"
# States after which a job does not go on. In all others it does, or waits: Slurm adds such states with its versions.
ENDED = {
    *("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "DEADLINE", "NODE_FAIL", "BOOT_FAIL", "OUT_OF_MEMORY"),
    *("PREEMPTED", "REVOKED"),
}
RUNNING = {"RUNNING", "COMPLETING", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING", "EXPEDITING", "UPDATE_DB"}
CANCEL_S = 180.0  # Slurm ends a job by SIGTERM, and by SIGKILL after its KillWait, 30 s if not configured

# `{...}` are filled in by `_script`. Slurm tells all processes of a job that it ends or preempts, but near the time
# limit this script alone: it then ends the training, which saves its state, and queues the job again.
BODY = """
near_limit=
told_to_end() {{
    if [ "$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T)" = RUNNING ]; then
        near_limit=yes
        scancel --signal=TERM "$SLURM_JOB_ID"
    fi
}}
set -e
{setup}
rm -f {meeting_places}
{meeting}
set +e
trap told_to_end TERM
srun --kill-on-bad-exit=1 --cpu-bind=none bash -c '
    if [ ! -e "$1" ]; then
        echo "error: node $SLURMD_NODENAME does not see $1: choose a --work-dir that all nodes share" >&2
        exit 1
    fi
    export PET_LOCAL_ADDR="$(hostname)"
    shift
    exec "$@"' agent {job} {agent} &
training=$!
wait $training
status=$?
while kill -0 $training 2> /dev/null; do # the signal ended the waiting, not the training
    wait $training
    status=$?
done
if [ -n "$near_limit" ] && [ ! -e {done} ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
"""
# The script runs on the first node. A node's name need not be an address, so the agents meet at what `hostname` says.
MEETING = """
port=$({python} -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
export PET_RDZV_ENDPOINT="$(hostname):$port"
"""


class SlurmLauncher(Frozen):
    """Starts trainers by `sbatch`, each as one job with an agent on each of its nodes.

    The work folder, the artifacts and this program's Python must be at the same paths on all nodes. A job is known by
    its name, which is made from its folder, so that a run that was killed at any moment finds the job it started. A job
    that is preempted, loses a node or comes near its time limit is queued again, is the same job, and goes on from its
    last checkpoint. On one node the ranks meet through files; on several, at a free TCP port of the first, which must
    be in reach of trusted users alone: see `tasks.launch.agent`.
    """

    kind: Literal["slurm"] = "slurm"
    nodes: int = Field(1, ge=1, description="Nodes of a job.")
    gpus_per_node: int = Field(0, ge=0, description="GPUs of each node.")
    processes_per_node: int | None = Field(
        None, ge=1, description="Training processes on each node; if unset, one for each GPU, or one."
    )
    cpus_per_node: int | None = Field(
        None, ge=1, description="Processor cores of each node; if unset, as many as the cluster gives."
    )
    partition: str | None = Field(None, description="Partition; if unset, the cluster's default.")
    account: str | None = Field(None, description="Account that the job is charged to.")
    time_limit: str | None = Field(None, description="Time until a job has to queue again, such as 1-00:00:00.")
    grace_s: int = Field(90, ge=30, description="Seconds before the time limit at which the training saves and ends.")
    options: tuple[str, ...] = Field((), description="More options of sbatch, such as --constraint=a100.")
    setup: tuple[str, ...] = Field((), description="Shell commands before the training, such as module load cuda.")
    python: str = Field(sys.executable, description="Python on the nodes.")
    poll_s: float = Field(5.0, gt=0, description="Seconds between two questions to Slurm about a job.")

    @field_validator("options")
    @classmethod
    def _are_options(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        for option in options:
            if not option.startswith("-") or "\n" in option:
                raise ValueError(f"an option of sbatch begins with -, unlike {option!r}")
        return options

    @property
    def ranks_per_node(self) -> int:
        """Training processes of a node."""
        return self.processes_per_node or self.gpus_per_node or 1

    def require(self) -> None:
        """Slurm's programs are here.

        Raises:
            ConfigError: they are not.
        """
        for program in ("sbatch", "squeue", "scancel"):
            if shutil.which(program) is None:
                raise ConfigError(
                    f"There is no {program} here to start trainings with: run on a machine from which jobs are "
                    "submitted to Slurm, or choose another launcher."
                )

    def find(self, folder: Path) -> str | None:
        """Asks for a job with the folder's name."""
        answer = _ask("squeue", "--me", "--noheader", f"--name={job_name(folder)}", "--format=%i")
        if answer.returncode != 0:
            raise LauncherError(f"Slurm cannot be asked for jobs ({_complaint(answer)}): run again when it answers.")
        found = answer.stdout.split()
        return found[0] if found else None

    def submit(self, module: str, folder: Path) -> str:
        """Writes `job.sbatch` and submits it."""
        script = folder / SCRIPT
        storage.write_bytes(str(script), self._script(module, folder).encode())
        answer = _ask("sbatch", "--parsable", str(script), env=self._environment(folder))
        if answer.returncode != 0:
            complaint = _complaint(answer)
            raise LauncherError(f"Slurm did not take the training ({complaint}): correct the launcher's settings.")
        return answer.stdout.split(";")[0].strip()

    def state(self, job: str) -> JobState:
        """What squeue says. It knows jobs for some minutes after their end, then calls their ids invalid."""
        answer = _ask("squeue", "--noheader", f"--jobs={job}", "--states=all", "--format=%T|%r")
        if answer.returncode != 0:
            if "Invalid job id" in answer.stderr:
                return JobState(Phase.ENDED)
            return JobState(Phase.RUNNING, f"Slurm does not answer about job {job} ({_complaint(answer)})")
        state, _, reason = answer.stdout.strip().partition("|")
        if state in RUNNING:
            return JobState(Phase.RUNNING)
        if state and state not in ENDED:
            return JobState(Phase.WAITING, f"Slurm job {job} is {state.lower()} ({reason})")
        return JobState(Phase.ENDED, f"Slurm job {job}: {state}" if state else "")

    def cancel(self, job: str) -> None:
        """Ends it by scancel."""
        _ask("scancel", job)  # fails if the job has just ended, too
        deadline = time.monotonic() + CANCEL_S
        while self.state(job).phase is not Phase.ENDED:
            if time.monotonic() > deadline:
                raise LauncherError(f"Slurm job {job} was cancelled and does not end: see `squeue --jobs={job}`.")
            time.sleep(min(self.poll_s, 1.0))

    def _script(self, module: str, folder: Path) -> str:
        options = {
            "job-name": job_name(folder),
            "output": str(folder).replace("%", "%%") + "/trainer.log",
            "open-mode": "append",
            "nodes": self.nodes,
            "ntasks-per-node": 1,
            "cpus-per-task": self.cpus_per_node,
            "gpus-per-node": self.gpus_per_node or None,
            "partition": self.partition,
            "account": self.account,
            "time": self.time_limit,
            "signal": f"B:TERM@{self.grace_s}",
        }
        lines = [f"--{name}={shlex.quote(str(value))}" for name, value in options.items() if value is not None]
        body = BODY.format(
            setup="\n".join(self.setup),
            meeting_places=shlex.join(str(folder / name) for name in MEETING_PLACES),
            meeting=MEETING.format(python=shlex.quote(self.python)) if self.nodes > 1 else "",
            job=shlex.quote(str(folder / JOB)),
            agent=shlex.join(agent_command(module, folder, self.ranks_per_node, self.nodes, self.python)),
            done=shlex.quote(str(folder / DONE)),
        )
        return "\n".join(["#!/bin/bash", *(f"#SBATCH {line}" for line in (*lines, "--requeue", *self.options)), body])

    def _environment(self, folder: Path) -> dict[str, str]:
        """A run that is itself a job of Slurm has its own job's variables, which would be taken for wishes."""
        env = {n: value for n, value in os.environ.items() if not n.startswith("SLURM_") or n == "SLURM_CONF"}
        return agent_environment(env, folder, self.nodes)


def _ask(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What one of Slurm's programs answers.

    Raises:
        LauncherError: it is not there.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    except FileNotFoundError as error:
        raise LauncherError(f"There is no {command[0]} here: run where jobs are submitted to Slurm.") from error


def _complaint(answer: subprocess.CompletedProcess[str]) -> str:
    """What a program of Slurm said on its way out, in one line."""
    return "; ".join(re.sub(r"^\w+: (error: )?", "", line) for line in answer.stderr.splitlines())


def job_name(folder: Path) -> str:
    """Name of the job of a folder: the stage, for people, and a digest of the path."""
    stage = re.sub(r"[^A-Za-z0-9_]", "_", folder.parent.name)
    return f"dalle-{stage}-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
