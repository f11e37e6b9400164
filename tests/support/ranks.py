"""Runs trainers by torchrun."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


AGENT = [sys.executable, "-m", "torch.distributed.run", "--standalone"]


def torchrun(module: str, job: dict[str, Any], ranks: int) -> None:
    """Run a trainer to its end on `ranks` processes of one thread each."""
    agent = start_ranks(["-m", module], job, ranks)
    try:
        assert agent.wait(120) == 0
    finally:
        agent.kill()


def start_ranks(program: list[str], job: dict[str, Any], ranks: int) -> "subprocess.Popen[bytes]":
    """Start a trainer, a script or `-m module`, by torchrun on `ranks` processes of one thread each."""
    path = Path(job["out"]).with_suffix(".json")
    path.write_text(json.dumps(job))
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*AGENT, f"--nproc-per-node={ranks}", *program, str(path)], cwd=ROOT, env=environment)


@contextmanager
def running_ranks(program: list[str], job: dict[str, Any], ranks: int) -> Iterator["subprocess.Popen[bytes]"]:
    """As `start_ranks`; neither the agent nor a rank is left after the block."""
    agent = start_ranks(program, job, ranks)
    try:
        yield agent
    finally:
        started = psutil.Process(agent.pid).children(recursive=True) if agent.poll() is None else []
        for process in (agent, *started):
            process.kill()
