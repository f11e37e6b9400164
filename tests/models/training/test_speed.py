"""What a run tells of its speed, its memory and its slowest rank, beside its curves."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.planning.hardware import peak_of_device
from models.prior.train import PriorJob
from models.prior.train import train as train_prior
from models.training import speed
from models.training.config import TrainingConfig
from models.training.distributed import Ranks
from models.training.speed import Speed, rate

Job = Callable[..., dict[str, Any]]
CONFIG = TrainingConfig(batch_size=8)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time stands still unless a test moves it."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(speed, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def _steps(watched: Speed, clock: SimpleNamespace, steps: int, batch_s: float, forward_s: float, rest_s: float) -> None:
    for _ in range(steps):
        with watched.batch():
            clock.now += batch_s
        with watched.forward():
            clock.now += forward_s
        clock.now += rest_s


def _taken(*watched: Speed) -> dict[str, float]:
    """What the first rank tells, after the mean over all."""
    of_ranks = [each.of_ranks() for each in watched]
    means = {name: float(sum(own[name] for own in of_ranks)) / len(watched) for name in of_ranks[0]}
    figures = watched[0].take(means)
    assert means == {}
    return figures


def test_a_stretch_without_its_pauses_is_divided_by_its_steps(clock: SimpleNamespace) -> None:
    watched = Speed(Ranks(), CONFIG, tokens=100, flops=None)
    for _ in range(2):  # the second stretch knows nothing of the first
        _steps(watched, clock, steps=4, batch_s=0.125, forward_s=0.125, rest_s=0.25)
        with watched.paused():
            clock.now += 50
        figures = _taken(watched)
        assert (figures["seconds_per_step"], figures["examples_per_s"], figures["tokens_per_s"]) == (0.5, 16, 1600)
    assert figures["memory_mb"] > 1
    assert figures.keys() == {"seconds_per_step", "examples_per_s", "tokens_per_s", "memory_mb"}


def test_the_share_of_the_peak_is_that_of_all_devices(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "peak_of_device", lambda name, precision: 1000.0)
    watched = [Speed(Ranks(rank=rank, world=2), CONFIG, None, flops=50) for rank in range(2)]
    for each in watched:
        clock.now = 100.0
        _steps(each, clock, steps=2, batch_s=0.0, forward_s=0.5, rest_s=0.5)
    assert _taken(*watched)["of_peak"] == 8 * 50 / 2000
    assert "of_peak" not in _taken_of(Speed(Ranks(), CONFIG.model_copy(update={"tf32": True}), None, 50), clock)


def _taken_of(watched: Speed, clock: SimpleNamespace) -> dict[str, float]:
    _steps(watched, clock, 1, 0.0, 0.5, 0.5)
    return _taken(watched)


@pytest.mark.parametrize("slow", [{"batch_s": 0.5, "forward_s": 0.25}, {"batch_s": 0.25, "forward_s": 0.5}])
def test_the_slowest_rank_is_told_and_how_much_longer_it_takes_for_batches_or_forward_passes(
    clock: SimpleNamespace, slow: dict[str, float]
) -> None:
    watched = [Speed(Ranks(rank=rank, world=3), CONFIG, None, None) for rank in range(3)]
    for rank, each in enumerate(watched):
        took = slow if rank == 1 else {"batch_s": 0.25, "forward_s": 0.25}
        _steps(each, clock, steps=4, rest_s=0.0, **took)
    figures = _taken(*watched)
    assert (figures["straggler_s"], figures["slowest_rank"]) == (1.0, 1)


def test_peaks_are_known_of_the_devices_that_can_be_planned_for_and_of_no_other() -> None:
    assert peak_of_device("NVIDIA H200", "bf16") == 989e12
    assert peak_of_device("Tesla V100-SXM2-16GB", "bf16") is None
    assert peak_of_device("NVIDIA H100 PCIe", "bf16") is None
    assert peak_of_device("cpu x2", "fp32") is None


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"examples_per_s": 3.5, "tokens_per_s": 5120.4}, "5,120 tokens/s"),
        ({"examples_per_s": 35.2}, "35 examples/s"),
        ({"examples_per_s": 0.123}, "0.12 examples/s"),
    ],
)
def test_the_speed_in_words_has_the_finest_unit(figures: dict[str, float], words: str) -> None:
    assert rate(figures) == words


def test_a_trainer_writes_its_speed_at_the_logged_steps_apart_from_its_curves(prior_job: Job) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    job = prior_job(steps=5, log_every=2, activation_checkpointing=False)
    train_prior(PriorJob.model_validate(job), Ranks())
    out = Path(job["out"])
    lines, curve = (
        [json.loads(line) for line in (out / name).read_text().splitlines()]
        for name in ("tensorboard/speed.jsonl", "metrics.jsonl")
    )
    assert [line["step"] for line in lines] == [line["step"] for line in curve] == [0, 2, 4]
    for line in lines:
        assert line["tokens_per_s"] == pytest.approx(17 * line["examples_per_s"], rel=1e-4)
    assert not curve[0].keys() & (lines[0].keys() - {"step"})
    board = EventAccumulator(str(out / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("speed/tokens_per_s")] == [0, 2, 4]
    assert json.loads((out / "progress.json").read_text())["rate"].endswith(" tokens/s")
