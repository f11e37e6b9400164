"""What starts training jobs: the protocol that every kind of launcher follows.

A new kind is a module here with a frozen pydantic class that follows the protocol, and an entry in the union in
`tasks.launch.kinds`.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

JOB = "job.json"
LOGS = "trainer*.log"


class Phase(Enum):
    """Where a job is in its life. A job that was preempted and is to go on waits again."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class JobState:
    """State of a job. `reason` is why it waits or how it ended, in the scheduler's words; empty if there are none."""

    phase: Phase
    reason: str = ""


class Launcher(Protocol):
    """Starts a trainer as one job, on one machine or several, and finds it again.

    The trainer's folder is on a file system that this process and all machines of the job share, at the same path. It
    holds the job file `job.json`, and takes everything the trainer writes. What the job prints is appended to files
    `trainer*.log` there.
    """

    @property
    def nodes(self) -> int:
        """Machines of a job."""
        ...

    @property
    def ranks_per_node(self) -> int:
        """Training processes on each of them, one for each GPU."""
        ...

    @property
    def poll_s(self) -> float:
        """Seconds between two looks at the state and the progress of a job."""
        ...

    def require(self) -> None:
        """Jobs can be started, as far as a moment's look can tell.

        Raises:
            ConfigError: they cannot.
        """
        ...

    def find(self, folder: Path) -> str | None:
        """The id of the job that this or an earlier process started for this folder and that is not over.

        Raises:
            LauncherError: it cannot be found out.
        """
        ...

    def submit(self, module: str, folder: Path) -> str:
        """Starts a trainer, such as `models.dvae.train`, with the job file of the folder; returns the job's id.

        From then on `find` knows it, also from another process.

        Raises:
            LauncherError: the job is refused.
        """
        ...

    def state(self, job: str) -> JobState:
        """The state of a job. One that cannot be asked for now is given as RUNNING, with the reason."""
        ...

    def cancel(self, job: str) -> None:
        """Ends every process of a job by SIGTERM, later by SIGKILL, and returns when they are gone.

        Raises:
            LauncherError: the job does not end.
        """
        ...
