"""The loop learns, resumes bit-exactly after kill -9, and explains its errors."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models.training import loop, states
from models.training.checkpoint import read_tensors
from models.training.config import TrainingConfig
from models.training.distributed import Ranks
from models.training.errors import NonFiniteGradientsError, ResumeMismatchError
from models.training.loop import Batch, Learner, Loop
from models.training.muon import Matrix
from models.training.randomness import Step
from models.training.states import snapshot

ROOT = Path(__file__).parents[3]
Job = Callable[..., dict[str, Any]]


class EndedError(Exception):
    """Ends a run in the middle."""


class Line(Learner):
    """Fits y = 2x + 1; ends the run at step `breaks_at`; its gradient is not a number at the steps `bad`."""

    def __init__(self, breaks_at: int = -1, bad: Collection[int] = ()) -> None:
        super().__init__()
        self.model = torch.nn.Linear(1, 1)
        torch.nn.init.zeros_(self.model.weight)
        torch.nn.init.zeros_(self.model.bias)
        self.breaks_at = breaks_at
        self.bad = bad
        self.register_buffer("seen", torch.zeros(()))

    def batch(self, step: Step) -> Batch:
        if step.number == self.breaks_at:
            raise EndedError
        return {"x": torch.randn(4, 1, generator=step.generator("x"))}

    def names(self, step: Step) -> list[str]:
        return [f"pair-{step.number}-{i}" for i in range(4)]

    def forward(self, batch: Batch, step: Step) -> dict[str, torch.Tensor]:
        loss = (self.model(batch["x"]) - (2 * batch["x"] + 1)).square().mean()
        self.seen += loss.detach()
        return {"loss": loss * (float("nan") if step.number in self.bad else 1.0)}

    def matrices(self) -> list[Matrix]:
        return [Matrix(self.model.weight)]

    def validate(self) -> dict[str, float]:
        return {"weight": float(self.model.weight.detach()), "bias": float(self.model.bias.detach())}


def _loop(out: Path, steps: int = 300, learner: Line | None = None, job: str = "a", **more: Any) -> Loop:
    config = TrainingConfig(**{"steps": steps, "batch_size": 4, "learning_rate": 0.05, "warmup_steps": 5} | more)
    return Loop(learner or Line(), config, out, Ranks(), job)


def _newest(out: Path) -> dict[str, torch.Tensor]:
    return read_tensors(max((out / "checkpoints").glob("step-*")) / "rank-00000.safetensors")[0]


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    """The same tensors, bit for bit."""
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def _lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_loop_fits_a_line(tmp_path: Path) -> None:
    metrics = _loop(tmp_path, ema_decay=0.9).run()
    assert metrics == pytest.approx({"weight": 2.0, "bias": 1.0, "held_out": 0.0}, abs=0.02)


def test_metrics_have_the_logged_steps_and_the_last(tmp_path: Path) -> None:
    _loop(tmp_path, steps=50, log_every=20, validate_every=25).run()
    lines = _lines(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [0, 20, 24, 40, 49]
    assert {"loss", "learning_rate"} <= lines[0].keys()
    assert {"val/weight", "val/bias"} <= lines[2].keys()


def test_figures_go_to_tensorboard_too(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _loop(tmp_path, steps=50, log_every=20, validate_every=25).run()
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("loss")] == [0, 20, 40, 49]
    assert [event.step for event in board.Scalars("val/weight")] == [24]


def test_progress_ends_at_the_last_step(tmp_path: Path) -> None:
    _loop(tmp_path, steps=7).run()
    progress = json.loads((tmp_path / "progress.json").read_text())
    assert (progress["step"], progress["steps"], progress["eta_s"]) == (7, 7, 0.0)
    assert set(progress) == {"step", "steps", "seconds_per_step", "eta_s", "loss", "rate", "notes"}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="cosine"),
        pytest.param(
            {"schedule": "plateau", "plateau_steps": 3, "plateau_improvement": 0.9, "log_every": 1}, id="plateau"
        ),
        pytest.param({"ema_every": 4, "clip_second_moment": 0.5, "clip_norm": 5.0}, id="as in B.2"),
    ],
)
def test_a_resumed_run_ends_with_the_same_bits_as_an_uninterrupted_one(tmp_path: Path, more: dict[str, Any]) -> None:
    _loop(tmp_path / "whole", steps=20, **more).run()
    with pytest.raises(EndedError):
        _loop(tmp_path / "broken", steps=20, learner=Line(breaks_at=13), checkpoint_every=5, **more).run()
    resumed = _loop(tmp_path / "broken", steps=20, checkpoint_every=5, **more)
    assert resumed.step == 10
    resumed.run()
    assert_equal(_newest(tmp_path / "whole"), _newest(tmp_path / "broken"))
    assert (tmp_path / "whole" / "metrics.jsonl").read_text() == (tmp_path / "broken" / "metrics.jsonl").read_text()


def test_the_rate_is_halved_at_a_plateau_of_the_logged_losses(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"schedule": "plateau", "plateau_steps": 10, "plateau_improvement": 0.999}
    _loop(tmp_path, steps=50, log_every=2, final_learning_rate=0.0125, **settings).run()
    rates = [line["learning_rate"] for line in _lines(tmp_path / "metrics.jsonl")]
    assert [rates.index(rate) for rate in (0.05, 0.025, 0.0125)] == [2, 13, 23]
    assert rates[-1] == 0.0125


def test_a_half_written_line_is_dropped_on_resume(tmp_path: Path) -> None:
    with pytest.raises(EndedError):
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


def test_validation_copies_no_weights_and_gives_them_back_also_if_it_fails(tmp_path: Path) -> None:
    class Failing(Line):
        def validate(self) -> dict[str, float]:
            self.validated = self.model.weight
            raise EndedError

    learner = Failing()
    own = learner.model.weight
    training = _loop(tmp_path, steps=20, validate_every=3, ema_decay=0.9, learner=learner)
    assert training.ema is not None
    with pytest.raises(EndedError):
        training.run()
    assert learner.validated.data_ptr() == training.ema.tensors["weight"].data_ptr() != own.data_ptr()
    assert learner.model.weight is own


@pytest.mark.parametrize(("copy_s", "write_s"), [(2.0, 0.0), (0.0, 2.0)])
def test_checkpoints_are_rarer_where_they_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copy_s: float, write_s: float
) -> None:
    clock = SimpleNamespace(now=0.0)
    saved = []

    class Slow(Line):
        def batch(self, step: Step) -> Batch:
            clock.now += 1
            return super().batch(step)

    def slow_copy(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        saved.append(clock.now)
        clock.now += copy_s
        return snapshot(tensors)

    processor_times = itertools.count(0.0, write_s)  # at the start of a write and at its end
    monkeypatch.setattr(states, "snapshot", slow_copy)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(states, "time", SimpleNamespace(thread_time=lambda: next(processor_times)))
    _loop(tmp_path, steps=130, learner=Slow(), checkpoint_seconds=10.0).run()
    first, second, *_ = saved
    assert first == 10
    assert second >= first + 100  # of which two seconds are 2 %


def test_a_batch_that_does_not_divide_over_the_ranks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 ranks"):
        Loop(Line(), TrainingConfig(batch_size=4), tmp_path, Ranks(world=3), "a")


@pytest.mark.parametrize(
    "more",
    [{}, {"muon_learning_rate": 0.02}, {"ema_decay": None}, {"clip_norm": None}, {"clip_second_moment": 0.02}],
)
def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted(tmp_path: Path, more: dict[str, Any]) -> None:
    before, after = Line(breaks_at=7, bad=()), Line(breaks_at=8, bad=[7])
    for name, learner in (("before", before), ("after", after)):
        with pytest.raises(EndedError):
            _loop(tmp_path / name, learner=learner, checkpoint_every=learner.breaks_at, **more).run()
    first, second = _newest(tmp_path / "before"), _newest(tmp_path / "after")
    assert second.pop("gradients:skipped") == first.pop("gradients:skipped") + 1
    assert second.pop("gradients:in_a_row") == first.pop("gradients:in_a_row") + 1
    assert_equal(first, second)


def test_a_run_with_one_bad_gradient_ends_well_and_says_so(tmp_path: Path) -> None:
    metrics = _loop(tmp_path, learner=Line(bad=[20]), ema_decay=0.9).run()
    assert metrics["weight"] == pytest.approx(2.0, abs=0.02)
    lines = _lines(tmp_path / "metrics.jsonl")
    assert [line["skipped"] for line in lines[:3]] == [0, 1, 1]
    assert "loss" not in lines[1]


def test_many_bad_gradients_in_a_row_end_the_run_with_the_pairs_and_the_last_good_checkpoint_loads(
    tmp_path: Path,
) -> None:
    bad = range(30, 300)
    with pytest.raises(NonFiniteGradientsError, match=r"10 updates .* step 39 .*pair-39-0, pair-39-1") as caught:
        _loop(tmp_path, learner=Line(bad=bad), checkpoint_every=25).run()
    assert caught.value.step == 39
    again = _loop(tmp_path, checkpoint_every=25)
    assert again.step == 25
    assert all(torch.isfinite(weight).all() for weight in again.learner.parameters())


def test_nine_bad_gradients_in_a_row_do_not_end_a_run(tmp_path: Path) -> None:
    _loop(tmp_path, steps=60, learner=Line(bad=[*range(9), *range(10, 19)])).run()
    assert _lines(tmp_path / "metrics.jsonl")[-1]["skipped"] == 18


def test_fp16_finds_its_loss_scale_and_resumes_with_it(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"precision": "fp16", "steps": 120, "log_every": 10, "checkpoint_every": 20}
    whole = _loop(tmp_path / "whole", learner=Line(bad=[12, 13]), **settings)
    assert whole.run()["weight"] == pytest.approx(2.0, abs=0.5)
    with pytest.raises(EndedError):
        _loop(tmp_path / "broken", learner=Line(breaks_at=33, bad=[12, 13]), **settings).run()
    _loop(tmp_path / "broken", **settings).run()
    assert_equal(_newest(tmp_path / "whole"), _newest(tmp_path / "broken"))
    scales = [line["loss_scale"] for line in _lines(tmp_path / "whole" / "metrics.jsonl")]
    assert scales[1] / scales[2] == 4


class Reads(TorchDispatchMode):
    """Counts the values that are read from the device."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


def test_the_device_is_waited_for_only_where_a_line_is_logged(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"muon_learning_rate": 0.02, "weight_decay": 0.1, "precision": "fp16"}
    settings |= {"clip_second_moment": 5.0, "ema_every": 5, "schedule": "plateau", "plateau_steps": 2}

    def reads(steps: int, log_every: int) -> int:
        loop = _loop(tmp_path / f"{steps}", steps=steps, log_every=log_every, **settings)
        with Reads() as found:
            loop.run()
        return found.count

    few, many = reads(10, log_every=50), reads(50, log_every=50)
    assert few == many
    assert reads(51, log_every=1) > many


@pytest.mark.end_to_end
def test_a_trainer_killed_at_any_time_resumes_to_the_same_bits_though_its_newest_checkpoint_is_truncated(
    dvae_job: Job, tmp_path: Path
) -> None:
    steps = {"steps": 60, "checkpoint_every": 2, "log_every": 3}
    whole = _start(dvae_job("whole", **steps), tmp_path)
    assert whole.wait(120) == 0
    job = dvae_job("killed", **steps)
    states = tmp_path / "killed" / "checkpoints"
    for _ in range(2):
        trainer = _start(job, tmp_path)
        seen = set(states.glob("step-*"))
        while trainer.poll() is None and set(states.glob("step-*")) <= seen:
            time.sleep(0.005)
        trainer.send_signal(signal.SIGKILL)
        trainer.wait(30)
    newest = max(states.glob("step-*")) / "rank-00000.safetensors"
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    assert not (tmp_path / "killed" / "done.json").exists()
    assert _start(job, tmp_path).wait(120) == 0
    for name in ("weights.safetensors", "config.json", "metrics.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name


def _start(job: dict[str, Any], folder: Path) -> "subprocess.Popen[bytes]":
    path = folder / f"{Path(job['out']).name}.json"
    path.write_text(json.dumps(job))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "models.dvae.train", str(path)], cwd=ROOT, env=environment)


@pytest.mark.end_to_end
def test_sigterm_saves_the_step_that_is_done_and_the_next_start_goes_on_to_the_same_bits(
    dvae_job: Job, tmp_path: Path
) -> None:
    whole = _start(dvae_job("whole", steps=200), tmp_path)
    assert whole.wait(120) == 0
    job = dvae_job("stopped", steps=200)
    trainer = _start(job, tmp_path)
    progress = tmp_path / "stopped" / "progress.json"
    while trainer.poll() is None and not progress.exists():
        time.sleep(0.005)
    trainer.send_signal(signal.SIGTERM)
    assert trainer.wait(60) == 143
    error = json.loads((tmp_path / "stopped" / "error.json").read_text())["message"]
    step = max((tmp_path / "stopped" / "checkpoints").glob("step-*")).name.removeprefix("step-")
    assert error == f"training was stopped by SIGTERM and saved after {int(step)} steps: run again to go on"
    assert _start(job, tmp_path).wait(120) == 0
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes(), name
