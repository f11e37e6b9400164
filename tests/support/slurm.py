"""A small Slurm cluster of two nodes on this machine, for as long as a test needs it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.web import free_port

PROGRAMS = ("unshare", "slurmctld", "slurmd", "munged", "sbatch", "squeue", "scancel", "scontrol", "srun")
# Daemons on a busy machine that are slow to answer count as there. The GPUs are not: no trainer of a test asks for one.
CONFIG = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
SlurmdTimeout=0
MessageTimeout=60
KillWait=20
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
GresTypes=gpu
MinJobAge=2
ReturnToService=2
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={first_port} CPUs=2 Gres=gpu:8
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={second_port} CPUs=2 Gres=gpu:8
PartitionName=train Nodes=n1,n2 Default=YES State=UP
"""


def missing() -> str:
    """Why no cluster can be started here; empty if it can."""
    lacking = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if lacking:
        return f"Slurm is not installed ({', '.join(lacking)}): apt install slurmctld slurmd slurm-client munge"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        return "Slurm's daemons, one with a file system of its own, are started by root alone"
    return ""


@contextmanager
def cluster() -> Iterator[Mapping[str, str]]:
    """Starts the daemons, and ends them with all jobs; yields what a client needs in its environment."""
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, ExitStack() as stack:
        folder = Path(name)
        ports = {each: free_port() for each in ("controller_port", "first_port", "second_port")}
        config = folder / "slurm.conf"
        config.write_text(CONFIG.format(folder=folder, **ports))
        (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-7]\n")
        for number in range(8):
            (folder / f"gpu{number}").touch()
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o400)
        for each in ("state", "spool-n1", "spool-n2", "unseen"):
            (folder / each).mkdir()
        files = [f"--{each}-file={folder}/munged.{each}" for each in ("log", "pid", "seed")]
        socket = f"--socket={folder}/munge.socket"
        stack.enter_context(_daemon("munged", "-F", "-f", socket, f"--key-file={folder}/munge.key", *files))
        client = {"SLURM_CONF": str(config), "PATH": _path()}
        stack.enter_context(_daemon("slurmctld", "-D", "-f", str(config)))
        stack.enter_context(_daemon("slurmd", "-D", "-N", "n1", "-f", str(config)))
        hide = f"mount -t tmpfs none '{unseen_by_n2(client)}' && exec slurmd -D -N n2 -f '{config}'"
        stack.enter_context(_daemon("unshare", "--mount", "sh", "-c", hide))
        stack.callback(_end_jobs, client)
        _wait_for_nodes(client)
        yield client


def unseen_by_n2(client: Mapping[str, str]) -> Path:
    """A folder that the second node does not share with this machine and the first."""
    return Path(client["SLURM_CONF"]).parent / "unseen"


@contextmanager
def _daemon(*command: str) -> Iterator[None]:
    process = subprocess.Popen(
        command, env=os.environ | {"PATH": _path()}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_nodes(client: Mapping[str, str]) -> None:
    for _ in range(240):
        idle = ask(client, "sinfo", "--noheader", "--format=%D", "--states=idle")
        if idle.strip() == "2":
            return
        time.sleep(0.5)
    reasons = ask(client, "sinfo", "--list-reasons")
    raise AssertionError(f"the nodes did not come up: {reasons}")


def _end_jobs(client: Mapping[str, str]) -> None:
    ask(client, "scancel", "--user=root")
    for _ in range(120):
        if not ask(client, "squeue", "--noheader").strip():
            return
        time.sleep(0.5)


def ask(client: Mapping[str, str], *command: str) -> str:
    """What one of Slurm's programs answers."""
    return subprocess.run(command, env=os.environ | client, capture_output=True, text=True, check=False).stdout


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin"
