"""Trainings on a list of hosts reached by SSH: an agent of torchrun on each, in a session of its own.

The agents outlive the process that started them and the connections to their hosts. The ids of jobs are kept in the
training's folder, which all hosts share, and every process of a job carries its job's name in its environment: so the
next run finds a job again, and no process of it is missed when it is ended.
"""

import os
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from models.config import Frozen
from models.files import HOST, RANKS_TIMEOUT
from tasks.errors import ConfigError, LauncherError
from tasks.launch.agent import AGENT_FILES, agent_command, forget_meetings
from tasks.launch.host import versions
from tasks.launch.hosts import ANSWER_S, MODULE, Answers, Silent, ask
from tasks.launch.launcher import JobState, Phase

RECORD = "ssh.json"
PLACE = "{host}"
CARRIED = ("AWS_", "DALLE_", "NCCL_", "TORCH_")  # variables of this process that the trainers have too
# Not an option of `ssh`, nor words of a shell.
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\[][A-Za-z0-9_.:@%\[\]-]*$")]


class SshJob(Frozen):
    """The id of a job, as JSON: what is needed to ask its hosts for it."""

    name: str
    folder: str
    hosts: tuple[str, ...]

    def on(self, host: str) -> dict[str, str]:
        """How the job's processes on a host are known, and the file for the exit status of its agent."""
        number = self.hosts.index(host)
        ended = Path(self.folder, AGENT_FILES, f"{self.name}-{number}.exit")
        return {"mark": f"{self.name}:{number}", "exit_status": str(ended)}


class SshLauncher(Frozen):
    """Starts trainers on hosts that share `work_dir` at one path, have the same code, and form a private network."""

    kind: Literal["ssh"] = "ssh"
    hosts: tuple[Host, ...] = Field(
        min_length=1, description="Hosts as `reach` names them; the ranks meet at the first."
    )
    processes_per_node: int = Field(1, ge=1, description="Training processes on each host, one for each GPU.")
    interface: str = Field(description="Network interface by which the hosts reach each other, such as eth0.")
    reach: tuple[str, ...] = Field(
        ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", PLACE),
        description="Words that, followed by a command, run it on {host} without asking for anything.",
    )
    python: str = Field(sys.executable, pattern=r"^\S+$", description="Python with this project on every host.")
    poll_s: float = Field(5.0, gt=0, description="Seconds between two looks at a job.")
    lost_after_s: float = Field(60.0, ge=0, description="Seconds without an answer after which a host counts as lost.")
    grace_s: float = Field(30.0, gt=0, description="Seconds between SIGTERM and SIGKILL for what is to end.")
    ranks_timeout_s: float = Field(600.0, gt=0, description="Seconds that a rank waits for the others before it ends.")

    @field_validator("hosts")
    @classmethod
    def _hosts_differ(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(hosts)) < len(hosts):
            raise ValueError("a host is named twice: raise processes_per_node for more processes on each")
        return hosts

    @property
    def nodes(self) -> int:
        """Machines of a job."""
        return len(self.hosts)

    @property
    def ranks_per_node(self) -> int:
        """Training processes of a machine."""
        return self.processes_per_node

    def require(self) -> None:
        """Every host answers, has this code, and has the interface.

        Raises:
            ConfigError: one does not.
        """
        answers, silent = self._ask(self.hosts, "look", {host: self._look("") for host in self.hosts})
        if problem := self._problem(answers, silent):
            raise ConfigError(problem)

    def find(self, folder: Path) -> str | None:
        """A job is there while any of its processes runs on any of its hosts.

        Raises:
            LauncherError: nothing runs on the others, and a host gives no answer; a former host need not give one.
        """
        if not (folder / RECORD).exists():
            return None
        job = SshJob.model_validate_json((folder / RECORD).read_text())
        answers, silent = self._states(job)
        if any(each["running"] for each in answers.values()):
            return job.model_dump_json()
        for host in set(silent) & set(self.hosts):
            raise LauncherError(self._unreachable(host, silent[host]))
        return None

    def submit(self, module: str, folder: Path) -> str:
        """Starts the agents of all hosts, or of none.

        Raises:
            LauncherError: a host cannot be reached, does not see the folder, or has other code.
        """
        forget_meetings(folder)
        job = SshJob(name=uuid.uuid4().hex, folder=str(folder), hosts=self.hosts)
        (folder / RECORD).write_text(job.model_dump_json())  # first: what is started can be found from then on
        answers, silent = self._ask(self.hosts, "look", {host: self._look(str(folder / RECORD)) for host in self.hosts})
        if problem := self._problem(answers, silent, job):
            (folder / RECORD).unlink()
            raise LauncherError(problem)
        command = agent_command(module, folder, self.processes_per_node, len(self.hosts), self.python)
        orders = {
            host: {
                "command": command,
                "environment": self._environment(host, answers),
                "folder": str(folder),
                "nodes": len(self.hosts),
                "directory": str(Path.cwd()),
                "log": str(folder / f"trainer-{host}.log"),
                **job.on(host),
            }
            for host in self.hosts
        }
        _, silent = self._ask(self.hosts, "start", orders)
        for host, why in silent.items():
            self._end(job, but=silent)
            raise LauncherError(self._unreachable(host, why))
        return job.model_dump_json()

    def state(self, job: str) -> JobState:
        """The state of all agents as one; when one has failed, or a host is lost, this call ends the others."""
        asked = SshJob.model_validate_json(job)
        answers, silent = self._states(asked)
        deadline = monotonic() + self.lost_after_s
        while silent and monotonic() < deadline:
            sleep(min(self.poll_s, self.lost_after_s))
            answers, silent = self._states(asked)
        failed = {host: each for host, each in answers.items() if _has_failed(each)}
        if silent:
            host = next(iter(silent))
            reason = f"host {host} was lost ({silent[host]})"
        elif failed:
            host = min(failed, key=lambda each: failed[each]["at"] or 0.0)
            reason = _how_failed(host, failed[host]["exit"])
        else:
            running = any(each["running"] for each in answers.values())
            return JobState(Phase.RUNNING if running else Phase.ENDED)
        self._end(asked, but=silent)
        return JobState(Phase.ENDED, reason)

    def cancel(self, job: str) -> None:
        """Ends the agents, which end their ranks, and then whatever is left on any host.

        Raises:
            LauncherError: a host gives no answer, or processes of it do not end.
        """
        self._end(SshJob.model_validate_json(job))

    def _end(self, job: SshJob, but: Mapping[str, str] | None = None) -> None:
        """Ends the job on all hosts but some that are lost."""
        hosts = [host for host in job.hosts if host not in (but or {})]
        orders = {host: {"mark": job.on(host)["mark"], "grace_s": self.grace_s} for host in hosts}
        answers, silent = self._ask(hosts, "end", orders, ANSWER_S + 2 * self.grace_s)
        for host, why in silent.items():
            raise LauncherError(f"{self._unreachable(host, why)} Its processes of {job.folder} may still run.")
        for host, answer in answers.items():
            if answer["left"]:
                raise LauncherError(f"On host {host} the processes {answer['left']} do not end: restart the host.")

    def _states(self, job: SshJob) -> tuple[Answers, Silent]:
        return self._ask(job.hosts, "state", {host: job.on(host) for host in job.hosts})

    def _look(self, record: str) -> dict[str, Any]:
        return {"record": record, "interface": self.interface}

    def _environment(self, host: str, answers: Answers) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if name.startswith(CARRIED)}
        env |= {HOST: host, RANKS_TIMEOUT: str(self.ranks_timeout_s)}
        if len(self.hosts) > 1:
            first = answers[self.hosts[0]]
            env |= {f"{library}_SOCKET_IFNAME": self.interface for library in ("GLOO", "NCCL")}
            env |= {"PET_RDZV_ENDPOINT": f"{first['address']}:{first['port']}"}
            env |= {"PET_LOCAL_ADDR": answers[host]["address"], "PET_RDZV_CONF": f"is_host={host == self.hosts[0]}"}
        return env

    def _ask(
        self, hosts: Sequence[str], order: str, given: Mapping[str, Mapping[str, Any]], within_s: float = ANSWER_S
    ) -> tuple[Answers, Silent]:
        orders = {host: {"order": order, **given[host]} for host in hosts}
        return ask({host: self._command(host) for host in hosts}, orders, within_s)

    def _command(self, host: str) -> list[str]:
        """What takes an order on a host."""
        return [word.replace(PLACE, host) for word in self.reach] + [self.python, "-m", MODULE]

    def _problem(self, answers: Answers, silent: Silent, job: SshJob | None = None) -> str | None:
        """Why no training can be started, in a sentence; None if it can be."""
        for host, why in silent.items():
            return self._unreachable(host, why)
        ours = versions()
        for host, found in answers.items():
            for what, version in found["versions"].items():
                if version != ours[what]:
                    return f"Host {host} has {what} {version}, and this machine {ours[what]}: install the same on both."
            if found["address"] is None:
                have = ", ".join(found["interfaces"])
                return f"Host {host} has no interface {self.interface} with an IPv4 address, but {have}: name another."
            if job is not None and found["record"] != job.model_dump_json():
                return f"Host {host} does not see {job.folder}: choose a --work-dir that all hosts share at one path."
        return None

    def _unreachable(self, host: str, why: str) -> str:
        return f"Host {host} gave no answer ({why}): `{' '.join(self._command(host))}` must start without a question."


def _has_failed(answer: Mapping[str, Any]) -> bool:
    """Whether an agent ended badly, or vanished without a word."""
    return answer["exit"] not in (None, 0) or (answer["exit"] is None and not answer["running"])


def _how_failed(host: str, status: int | None) -> str:
    if status is None:
        return f"the agent on host {host} is gone"
    if status > 128:
        return f"the agent on host {host} was ended by {signal.Signals(status - 128).name}"
    return ""  # a rank has failed, and says why in error.json
