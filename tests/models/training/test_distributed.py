"""Two ranks train as one does; a trainer does not outlive the process that started it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.ranks import ROOT, torchrun

from models.training.checkpoint import read_tensors

Job = Callable[..., dict[str, Any]]


@pytest.mark.end_to_end
def test_two_ranks_give_the_weights_of_one(prior_job: Job) -> None:
    settings = {"steps": 8, "bpe_dropout": 0.0, "learning_rate": 1e-3}
    alone, shared = prior_job("alone", **settings), prior_job("shared", **settings)
    torchrun("models.prior.train", alone, 1)
    torchrun("models.prior.train", shared, 2)
    first, second = (read_tensors(Path(job["out"]) / "weights.safetensors")[0] for job in (alone, shared))
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=2e-5, rtol=2e-3, msg=lambda m, n=name: f"{n}: {m}")
    losses = [
        json.loads((Path(job["out"]) / "done.json").read_text())["metrics"]["train_loss"] for job in (alone, shared)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can signal a process when its parent dies")
def test_after_die_with_parent_a_process_ends_with_its_parent(tmp_path: Path) -> None:
    child = (
        "from models.training.start import die_with_parent; import time; "
        "die_with_parent(); print(1, flush=True); time.sleep(60)"
    )
    parent = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE); "
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env=environment, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
