"""The command line and environment of torchrun's agent, which starts the ranks of one machine."""

import uuid
from collections.abc import Mapping
from pathlib import Path

import psutil

from models.files import RANKS_STORE
from models.processor import WAITING_THREADS
from models.training.start import AGENT
from tasks.launch.launcher import JOB

START = "models.training.start"
AGENT_FILES = "agent"  # how ranks ended; removed with the folder, while the system's temporary folder keeps them
MEETING_PLACES = ("agents.store", "ranks.store")  # files instead of ports: nobody else can reach them
# Dask sets these for its workers, in this process too. A trainer that inherits them runs at half its speed: memory is
# returned to the system after every step, and torch uses one thread.
DASK_WORKER_LIMITS = {"MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}


def agent_command(module: str, folder: Path, processes: int, nodes: int, python: str) -> list[str]:
    """Command line of the agent of one machine of a job; all its machines have the same.

    The agents of one machine's job meet through files in the folder, which nobody else can reach. Those of several
    meet at a TCP port of the first: they read its address, `host:port`, from the environment variable
    PET_RDZV_ENDPOINT, and from PET_LOCAL_ADDR the address by which the others reach their own machine.

    Whoever can connect to that port, and to those that the ranks open, can run code as the user of the job: torch
    neither authenticates nor encrypts, and unpickles what it reads. The network between the machines must be private.

    Args:
        module: the trainer, such as `models.dvae.train`.
        folder: holds its job file.
        processes: ranks of each machine.
        nodes: machines of the job.
        python: the interpreter.
    """
    meeting = [f"--nnodes={nodes}"]
    if nodes == 1:
        meeting += ["--rdzv-conf=store_type=file", f"--rdzv-endpoint={folder / MEETING_PLACES[0]}"]
    return [
        *(python, "-m", AGENT, "--max-restarts=0", f"--nproc-per-node={processes}", "--rdzv-backend=c10d", *meeting),
        *(f"--rdzv-id={uuid.uuid4()}", f"--log-dir={folder / AGENT_FILES}"),
        *("-m", START, module, str(folder / JOB)),
    ]


def agent_environment(base: Mapping[str, str], folder: Path, nodes: int) -> dict[str, str]:
    """The environment `base` as an agent should have it; the arguments are those of `agent_command`."""
    env = WAITING_THREADS | {name: value for name, value in base.items() if name not in DASK_WORKER_LIMITS}
    if nodes == 1:
        env |= {RANKS_STORE: str(folder / MEETING_PLACES[1]), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
        for library in ("GLOO", "NCCL"):
            env.setdefault(f"{library}_SOCKET_IFNAME", _loopback())
    return env


def forget_meetings(folder: Path) -> None:
    """Removes the files by which the ranks of an earlier job met: the next must not find their words there."""
    for name in MEETING_PLACES:
        (folder / name).unlink(missing_ok=True)


def _loopback() -> str:
    """The interface that only this machine reaches."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == "127.0.0.1" for address in addresses):
            return name
    return "lo"
