"""AdamW as the configuration asks for it: what decays, and the second moment clipped by value."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from models.training.config import TrainingConfig
from models.training.muon import Matrix
from models.training.optimiser import ClippedAdamW, optimisers
from models.training.sixteen_bits import MEAN, VARIANCE

SETTINGS: dict[str, Any] = {"learning_rate": 0.01, "beta2": 0.96, "weight_decay": 0.1, "clip_norm": 4.0}


def _gradients(scale: float) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [scale * torch.randn(5, 7, generator=random) for _ in range(30)]


def _trained(gradients: list[Tensor], limit: float | None, found_inf: Tensor | None = None) -> dict[str, Tensor]:
    """The weight and its moments after an update by each gradient."""
    model = torch.nn.Linear(7, 5, bias=False)
    torch.nn.init.ones_(model.weight)
    [optimiser] = optimisers(model, TrainingConfig(**SETTINGS, clip_second_moment=limit), [])
    optimiser.found_inf = found_inf  # type: ignore[attr-defined]
    for gradient in gradients:
        model.weight.grad = gradient.clone()
        optimiser.step()
    return {"weight": model.weight.detach(), **optimiser.state[model.weight]}


def _by_hand(gradients: list[Tensor], limit: float) -> dict[str, Tensor]:
    """The same in double precision, as the formulas of AdamW and of the clipping read."""
    c = TrainingConfig(**SETTINGS)
    weight = torch.ones(5, 7, dtype=torch.float64)
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    for number, gradient in enumerate(gradients, start=1):
        g = gradient.double()
        mean = c.beta1 * mean + (1 - c.beta1) * g
        square = (c.beta2 * square + (1 - c.beta2) * g**2).clamp(max=limit)
        corrected = mean / (1 - c.beta1**number), square / (1 - c.beta2**number)
        weight = weight * (1 - c.learning_rate * c.weight_decay)
        weight = weight - c.learning_rate * corrected[0] / (corrected[1].sqrt() + c.eps)
    return {"weight": weight, "exp_avg": mean, "exp_avg_sq": square}


@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_the_estimate_is_clipped_before_it_updates_weights_and_moments(scale: float) -> None:
    found, expected = _trained(_gradients(scale), 0.5), _by_hand(_gradients(scale), 0.5)
    assert (expected["exp_avg_sq"] == 0.5).any()
    for name, value in expected.items():
        torch.testing.assert_close(found[name].double(), value, rtol=2e-6, atol=2e-6)


def test_the_first_estimate_is_clipped_too() -> None:
    assert _trained([torch.full((5, 7), 20.0)], 5.0)["exp_avg_sq"].allclose(torch.tensor(5.0))


def test_where_nothing_is_above_the_bound_the_bits_are_those_of_adamw() -> None:
    plain, clipped = _trained(_gradients(1.0), None), _trained(_gradients(1.0), 5.0)
    assert all(torch.equal(plain[name], clipped[name]) for name in plain)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_skipped_update_does_not_touch_the_estimate(bad: float) -> None:
    gradient = torch.full((5, 7), 100.0)
    gradient[0, 0] = bad
    assert not _trained([gradient], 0.5, torch.ones(()))["exp_avg_sq"].any()


def _narrow(gradients: list[Tensor], **more: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The weight and its moments, fp32, after an update by each gradient with moments of 16 bits."""
    model = torch.nn.Linear(7, 5, bias=False)
    torch.nn.init.ones_(model.weight)
    _, optimiser = optimisers(model, TrainingConfig(**SETTINGS | more), [], [Matrix(model.weight)])
    for gradient in gradients:
        optimiser.found_inf = (~gradient.isfinite().all()).float()  # type: ignore[attr-defined]
        model.weight.grad = gradient.clone()
        optimiser.step()
    state = optimiser.state[model.weight]
    assert {state[name].dtype for name in ("exp_avg", "exp_avg_sq")} == {torch.int16}
    return model.weight.detach(), MEAN.decode(state["exp_avg"]), VARIANCE.decode(state["exp_avg_sq"])


@pytest.mark.parametrize(("scale", "limit"), [(1e-6, 5.0), (1.0, 5.0), (1.0, 0.5), (1.0, None)])
def test_moments_of_16_bits_follow_those_of_32(scale: float, limit: float | None) -> None:
    wide = _trained(_gradients(scale), limit)
    weight, mean, variance = _narrow(_gradients(scale), clip_second_moment=limit)
    torch.testing.assert_close(mean, wide["exp_avg"], rtol=0, atol=2e-3 * scale)
    torch.testing.assert_close(variance, wide["exp_avg_sq"], rtol=4e-3, atol=0)
    moved = (wide["weight"] - 1).abs().max()
    assert (weight - wide["weight"]).abs().max() < 5e-3 * moved


def test_a_skipped_update_does_not_touch_moments_of_16_bits() -> None:
    gradients = _gradients(1.0)
    bad = [*gradients, torch.full((5, 7), math.nan), torch.full((5, 7), math.inf)]
    assert all(torch.equal(a, b) for a, b in zip(_narrow(gradients), _narrow(bad), strict=True))


def test_without_a_bound_the_step_is_torchs_own() -> None:
    [plain] = optimisers(torch.nn.Linear(2, 2), TrainingConfig(), [])
    [clipped] = optimisers(torch.nn.Linear(2, 2), TrainingConfig(clip_second_moment=5.0), [])
    assert type(plain) is torch.optim.AdamW
    assert type(clipped) is ClippedAdamW
    assert plain.param_groups[0]["fused"] is clipped.param_groups[0]["fused"] is True


@pytest.mark.parametrize("more", [{"clip_norm": None}, {"clip_norm": 1000.0}, {"beta2": 0.0}])
def test_a_bound_that_would_be_lost_in_rounding_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"a clip_norm of at most 22\.4 and a beta2 from 0\.1 on"):
        TrainingConfig(**{"clip_second_moment": 5.0} | more)


def test_gains_and_biases_never_decay_and_embeddings_when_asked() -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(3, 2), torch.nn.LayerNorm(2), torch.nn.Linear(2, 4))
    for decays in (False, True):
        [optimiser] = optimisers(model, TrainingConfig(weight_decay=0.1, decay_embeddings=decays), [])
        decayed, exempt = optimiser.param_groups
        assert (decayed["weight_decay"], exempt["weight_decay"]) == (0.1, 0.0)
        assert [tuple(p.shape) for p in decayed["params"]] == [(3, 2), (4, 2)][not decays :]
        assert [tuple(p.shape) for p in exempt["params"]] == [(3, 2), (2,), (2,), (4,)][decays:]
