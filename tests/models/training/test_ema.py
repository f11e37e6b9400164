"""The moving average of the weights: when it moves, by how much, and where it is kept."""

import pytest
import torch
from pydantic import ValidationError

from models.training.config import TrainingConfig
from models.training.ema import EMA, HostEMA, ema_of

FINITE = torch.tensor(True)
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")),
]


class Weights(torch.nn.Module):
    """A weight and a counter, both the number of updates made."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3, device=device))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64, device=device))

    @torch.no_grad()
    def after(self, updates: int) -> "Weights":
        self.weight.fill_(updates)
        self.count.fill_(updates)
        return self


def _after(ema: EMA, updates: int, device: str = "cpu") -> dict[str, torch.Tensor]:
    model = Weights(device)
    for step in range(updates):
        ema.update(model.after(step + 1), step, torch.tensor(True, device=device))
    return ema.tensors


def test_it_moves_after_every_25th_update_and_its_decay_rises_by_the_move() -> None:
    assert _after(EMA(Weights(), 0.99, every=25), 24)["weight"].tolist() == [0.0] * 3
    first = _after(EMA(Weights(), 0.99, every=25), 49)
    torch.testing.assert_close(first["weight"], torch.full((3,), 0.9 * 25))
    second = _after(EMA(Weights(), 0.99, every=25), 50)
    torch.testing.assert_close(second["weight"], torch.full((3,), 0.9 * 25 * 2 / 11 + 50 * 9 / 11))
    assert int(second["count"]) == 50


@pytest.mark.parametrize("device", DEVICES)
def test_in_the_hosts_memory_it_has_the_same_bits(device: str) -> None:
    ours, theirs = HostEMA(Weights(device), 0.9, every=5), EMA(Weights(device), 0.9, every=5)
    here, there = _after(ours, 103, device), _after(theirs, 103, device)
    assert all(tensor.device.type == "cpu" for tensor in here.values())
    assert all(torch.equal(here[name], there[name].cpu()) for name in there)


def test_in_the_hosts_memory_it_has_the_weights_of_the_moment_not_later_ones() -> None:
    ema, model = HostEMA(Weights(), 0.0, every=1), Weights()
    ema.update(model.after(7), 0, FINITE)
    model.after(8)
    assert ema.tensors["weight"].tolist() == [7.0] * 3


def test_an_update_that_is_skipped_does_not_move_it() -> None:
    for kind in (EMA, HostEMA):
        ema = kind(Weights(), 0.0)
        ema.update(Weights().after(7), 0, ~FINITE)
        assert ema.tensors["weight"].tolist() == [0.0] * 3


def test_an_average_that_cannot_be_made_is_an_error_where_it_is_read() -> None:
    ema = HostEMA(Weights(), 0.0)
    ema.update(torch.nn.Linear(1, 1), 0, FINITE)
    with pytest.raises(RuntimeError, match="shape"):
        _ = ema.tensors


def test_it_leaves_the_device_only_if_it_does_not_move_at_every_update() -> None:
    def kind(device: str, every: int, decay: float | None = 0.9) -> type:
        config = TrainingConfig(ema_decay=decay, ema_every=every)
        return type(ema_of(Weights(), config, torch.device(device)))

    assert kind("cuda", every=25) is HostEMA
    assert kind("cuda", every=1) is kind("cpu", every=25) is EMA  # a CPU's weights are in its memory already
    assert kind("cuda", every=25, decay=None) is type(None)


def test_one_that_would_never_move_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"ema_every \(25\) is more than all 24 steps"):
        TrainingConfig(steps=24, warmup_steps=1, ema_every=25)
    TrainingConfig(steps=24, warmup_steps=1, ema_every=25, ema_decay=None)
