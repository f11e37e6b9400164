"""The first code of a rank: `python -m models.training.start models.dvae.train JOB.json`. Imports nothing slow."""

import ctypes
import os
import runpy
import signal
import sys
from pathlib import Path

AGENT = "torch.distributed.run"
_PR_SET_PDEATHSIG = 1


def die_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """Ask Linux to send a signal to this process when the one that started it dies; elsewhere do nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)


def has_agent() -> bool:
    """Whether this process's parent is torchrun's agent still; true where that cannot be found out."""
    try:
        return AGENT.encode() in Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except FileNotFoundError:  # no Linux, or the parent ended just now
        return sys.platform != "linux"


if __name__ == "__main__":
    die_with_parent()  # before the trainer imports torch, which takes seconds
    if not has_agent():
        sys.exit("error: the agent ended before this rank began")
    module, *sys.argv[1:] = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
