"""The loop learns, resumes bit-exactly after kill -9, and explains its errors."""

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

from models.training.checkpoint import read_tensors
from models.training.config import TrainingConfig
from models.training.distributed import Ranks
from models.training.errors import NonFiniteLossError, ResumeMismatchError
from models.training.loop import Batch, Learner, Loop
from models.training.randomness import Step

ROOT = Path(__file__).parents[3]
Job = Callable[..., dict[str, Any]]


class Line(Learner):
    """Fits y = 2x + 1; its loss is not finite at step `breaks_at`."""

    def __init__(self, breaks_at: int = -1) -> None:
        super().__init__()
        self.model = torch.nn.Linear(1, 1)
        torch.nn.init.zeros_(self.model.weight)
        torch.nn.init.zeros_(self.model.bias)
        self.breaks_at = breaks_at

    def batch(self, step: Step) -> Batch:
        return {"x": torch.randn(4, 1, generator=step.generator("x"))}

    def forward(self, batch: Batch, step: Step) -> dict[str, torch.Tensor]:
        loss = (self.model(batch["x"]) - (2 * batch["x"] + 1)).square().mean()
        return {"loss": loss / (0.0 if step.number == self.breaks_at else 1.0)}

    def validate(self) -> dict[str, float]:
        return {"weight": float(self.model.weight.detach()), "bias": float(self.model.bias.detach())}


def _loop(out: Path, steps: int = 300, learner: Line | None = None, job: str = "a", **more: Any) -> Loop:
    config = TrainingConfig(**{"steps": steps, "batch_size": 4, "learning_rate": 0.05, "warmup_steps": 5} | more)
    return Loop(learner or Line(), config, out, Ranks(), job)


def _lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_loop_fits_a_line(tmp_path: Path) -> None:
    metrics = _loop(tmp_path, ema_decay=0.9).run()
    assert metrics == pytest.approx({"weight": 2.0, "bias": 1.0}, abs=0.02)


def test_metrics_have_the_logged_steps_and_the_last(tmp_path: Path) -> None:
    _loop(tmp_path, steps=50, log_every=20, validate_every=25).run()
    lines = _lines(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [0, 20, 24, 40, 49]
    assert {"loss", "learning_rate"} <= lines[0].keys()
    assert {"val/weight", "val/bias"} <= lines[2].keys()


def test_progress_ends_at_the_last_step(tmp_path: Path) -> None:
    _loop(tmp_path, steps=7).run()
    progress = json.loads((tmp_path / "progress.json").read_text())
    assert (progress["step"], progress["steps"], progress["eta_s"]) == (7, 7, 0.0)
    assert set(progress) == {"step", "steps", "seconds_per_step", "eta_s", "loss"}


def test_the_error_for_a_loss_that_is_not_finite_names_the_step(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match="step 6") as caught:
        _loop(tmp_path, steps=20, learner=Line(breaks_at=6)).run()
    assert caught.value.step == 6


def test_a_resumed_run_ends_with_the_same_bits_as_an_uninterrupted_one(tmp_path: Path) -> None:
    _loop(tmp_path / "whole", steps=20).run()
    with pytest.raises(NonFiniteLossError):
        _loop(tmp_path / "broken", steps=20, learner=Line(breaks_at=13), checkpoint_every=5).run()
    resumed = _loop(tmp_path / "broken", steps=20, checkpoint_every=5)
    assert resumed.step == 10
    resumed.run()
    whole, again = (read_tensors(tmp_path / name / "state" / "state.safetensors")[0] for name in ("whole", "broken"))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert (tmp_path / "whole" / "metrics.jsonl").read_text() == (tmp_path / "broken" / "metrics.jsonl").read_text()


def test_a_half_written_line_is_dropped_on_resume(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError):
        _loop(tmp_path, steps=20, learner=Line(breaks_at=13), checkpoint_every=5, log_every=1).run()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 13, "lo')
    _loop(tmp_path, steps=20, checkpoint_every=5, log_every=1).run()
    assert [line["step"] for line in _lines(tmp_path / "metrics.jsonl")] == list(range(20))


def test_the_state_of_another_job_is_refused(tmp_path: Path) -> None:
    _loop(tmp_path, steps=6).run()
    with pytest.raises(ResumeMismatchError, match="different job"):
        _loop(tmp_path, steps=6, job="b")


def test_validation_in_between_does_not_change_the_training(tmp_path: Path) -> None:
    plain = _loop(tmp_path / "plain", steps=20).run()
    assert plain == _loop(tmp_path / "watched", steps=20, validate_every=3).run()


def test_a_batch_that_does_not_divide_over_the_ranks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 ranks"):
        Loop(Line(), TrainingConfig(batch_size=4), tmp_path, Ranks(world=3), "a")


@pytest.mark.end_to_end
def test_a_trainer_killed_at_any_time_resumes_to_the_same_bits(dvae_job: Job, tmp_path: Path) -> None:
    steps = {"steps": 60, "checkpoint_every": 2, "log_every": 3}
    whole = _start(dvae_job("whole", **steps), tmp_path)
    assert whole.wait(120) == 0
    job = dvae_job("killed", **steps)
    state = tmp_path / "killed" / "state" / "state.safetensors"
    for _ in range(2):
        trainer = _start(job, tmp_path)
        seen = state.stat().st_mtime_ns if state.exists() else 0
        while trainer.poll() is None and (not state.exists() or state.stat().st_mtime_ns == seen):
            time.sleep(0.005)
        trainer.send_signal(signal.SIGKILL)
        trainer.wait(30)
    assert not (tmp_path / "killed" / "done.json").exists()
    assert _start(job, tmp_path).wait(120) == 0
    for name in ("weights.safetensors", "config.json", "metrics.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name


def _start(job: dict[str, Any], folder: Path) -> "subprocess.Popen[bytes]":
    path = folder / f"{Path(job['out']).name}.json"
    path.write_text(json.dumps(job))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "models.dvae.train", str(path)], cwd=ROOT, env=environment)
