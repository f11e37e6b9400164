"""Any number of ranks trains as one does; a trainer does not outlive the process that started it."""

import importlib
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

from models.clip.train import CLIPJob
from models.clip.train import train as train_clip
from models.dvae.train import DVAEJob
from models.dvae.train import train as train_dvae
from models.prior.train import PriorJob, train
from models.training.checkpoint import read_tensors
from models.training.distributed import Ranks

Job = Callable[..., dict[str, Any]]
# In bfloat16 ranks differ by more. The biases of keys have a gradient of zero: a large eps keeps Adam from following
# the rounding of sums.
EXACT = {"steps": 50, "batch_size": 8, "warmup_steps": 5, "log_every": 10, "eps": 1e-4}
SETTINGS: dict[str, dict[str, Any]] = {
    # At 1e-3 a ReLU of the flat backgrounds flips at some step by rounding alone, and one bias then differs by 1.5e-5.
    "dvae": EXACT | {"augment": True, "learning_rate": 3e-4, "eps": 1e-3, "beta_steps": 20, "tau_steps": 40},
    "clip": EXACT | {"augment": False, "learning_rate": 1e-3},
    "prior": EXACT
    | {"bpe_dropout": 0.2, "padding_in_text_loss": False, "learning_rate": 1e-3, "ema_every": 5, "ema_decay": 0.9}
    | {"schedule": "plateau", "plateau_steps": 10, "plateau_improvement": 0.5, "clip_second_moment": 0.02},
}


@pytest.fixture
def alone(request: pytest.FixtureRequest) -> tuple[str, Job, Path]:
    """A trainer, its job, and the folder of its run of 50 steps in this process."""
    name = request.param
    job = request.getfixturevalue(f"{name}_job")
    trainer = importlib.import_module(f"models.{name}.train")
    kind = {"dvae": "DVAEJob", "clip": "CLIPJob", "prior": "PriorJob"}[name]
    asked = job("alone", **SETTINGS[name])
    trainer.train(getattr(trainer, kind).model_validate(asked), Ranks())
    return f"models.{name}.train", lambda out: job(out, **SETTINGS[name]), Path(asked["out"])


@pytest.mark.parametrize("alone", ["dvae", "clip", "prior"], indirect=True)
@pytest.mark.parametrize(
    "ranks", [pytest.param(2, marks=pytest.mark.end_to_end), pytest.param(4, marks=pytest.mark.slow)]
)
def test_several_ranks_give_the_weights_and_the_curve_of_one(alone: tuple[str, Job, Path], ranks: int) -> None:
    module, job, folder = alone
    shared = job("shared")
    torchrun(module, shared, ranks)
    _same(folder, Path(shared["out"]))


@pytest.mark.parametrize("alone", ["prior"], indirect=True)
def test_a_batch_in_parts_gives_the_weights_and_the_curve_of_a_whole_one(
    alone: tuple[str, Job, Path], prior_job: Job
) -> None:
    job = prior_job("parts", **SETTINGS["prior"] | {"accumulate": 4})
    train(PriorJob.model_validate(job), Ranks())
    _same(alone[2], Path(job["out"]))


@pytest.mark.parametrize("alone", ["clip"], indirect=True)
def test_pairs_embedded_in_chunks_give_the_weights_and_the_curve_of_all_at_once(
    alone: tuple[str, Job, Path], clip_job: Job
) -> None:
    job = clip_job("chunks", **SETTINGS["clip"] | {"chunk_pairs": 3})
    train_clip(CLIPJob.model_validate(job), Ranks())
    _same(alone[2], Path(job["out"]))


@pytest.mark.end_to_end
@pytest.mark.parametrize("alone", ["clip"], indirect=True)
def test_chunks_of_several_ranks_have_the_negatives_of_all(alone: tuple[str, Job, Path], clip_job: Job) -> None:
    job = clip_job("chunks", **SETTINGS["clip"] | {"chunk_pairs": 2})
    torchrun(alone[0], job, 2)
    _same(alone[2], Path(job["out"]))


def test_a_batch_that_cannot_be_cut_into_parts_is_refused_in_a_sentence(
    dvae_job: Job, clip_job: Job, prior_job: Job
) -> None:
    with pytest.raises(ValueError, match="set chunk_pairs for less memory"):
        CLIPJob.model_validate(clip_job(accumulate=2))
    with pytest.raises(ValueError, match="standardise_logits needs the statistics"):
        train_dvae(DVAEJob.model_validate(dvae_job(accumulate=2)), Ranks())
    with pytest.raises(ValueError, match="batch_size 8 does not divide into accumulate = 3 parts"):
        PriorJob.model_validate(prior_job(batch_size=8, accumulate=3))


def _same(folder: Path, other: Path) -> None:
    first, second = (read_tensors(each / "weights.safetensors")[0] for each in (folder, other))
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=1e-5, rtol=0, msg=lambda m, n=name: f"{n}: {m}")
    curves = [
        [json.loads(line) for line in (each / "metrics.jsonl").read_text().splitlines()] for each in (folder, other)
    ]
    assert len(curves[0]) == 6
    assert len({line["learning_rate"] for line in curves[0]}) > 2
    for ours, theirs in zip(*curves, strict=True):
        # The file holds six digits; a norm adds up what sums in another order have rounded, 2e-5 of it on some CPUs.
        assert ours.pop("gradient_norm", 0) == pytest.approx(theirs.pop("gradient_norm", 0), rel=5e-5)
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-5)


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
