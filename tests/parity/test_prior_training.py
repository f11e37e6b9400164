"""The default training of the prior is the paper's (B.2): its learning rate, optimiser, clipping and average."""

import pytest
import torch

from models.prior.config import PriorTrainingConfig
from models.training.ema import ema_of
from models.training.gradients import Gradients
from models.training.learning_rate import learning_rate
from models.training.optimiser import ClippedAdamW, optimisers
from models.training.schedules import ema_decay_at

PAPER = PriorTrainingConfig()


@pytest.mark.parametrize("step", [0, 1, 999, 2_499, 4_998, 4_999, 5_000, 5_001, 100_000, 429_999])
def test_the_learning_rate_at_ten_steps_before_any_plateau(step: int) -> None:
    assert learning_rate(PAPER).at(step) == pytest.approx(4.5e-4 * min(1, (step + 1) / 5_000), rel=1e-12)


def test_the_learning_rate_is_halved_at_five_plateaus() -> None:
    rate, seen = learning_rate(PAPER), []
    for step in range(0, PAPER.steps, PAPER.log_every):
        rate.observe(step, 5.0)
        seen.append(rate.at(step + 1))
    after_warm_up = list(dict.fromkeys(seen[PAPER.warmup_steps // PAPER.log_every :]))
    assert after_warm_up == [4.5e-4, 2.25e-4, 1.125e-4, 5.625e-5, 2.8125e-5, 1.40625e-5]


def test_a_loss_that_falls_by_more_than_a_thousandth_in_ten_thousand_updates_is_no_plateau() -> None:
    rate = learning_rate(PAPER)
    for step in range(0, PAPER.steps, PAPER.log_every):
        rate.observe(step, 5.0 * 0.9988 ** (step / 10_000))
    assert rate.at(PAPER.steps - 1) == 4.5e-4


def test_the_cosine_that_can_be_chosen_instead_has_the_same_ends() -> None:
    rate = learning_rate(PriorTrainingConfig(schedule="cosine"))
    assert [rate.at(4_999), rate.at(430_000)] == [4.5e-4, 1.40625e-5]
    assert rate.at(217_500) == pytest.approx((4.5e-4 + 1.40625e-5) / 2)


def test_the_optimiser_is_adamw_with_the_papers_values() -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(3, 2), torch.nn.LayerNorm(2), torch.nn.Linear(2, 2))
    [optimiser] = optimisers(model, PAPER, [])
    decayed, exempt = optimiser.param_groups
    assert isinstance(optimiser, ClippedAdamW)
    assert (decayed["betas"], decayed["eps"], decayed["lr"]) == ((0.9, 0.96), 1e-8, 4.5e-4)
    assert (decayed["weight_decay"], exempt["weight_decay"]) == (4.5e-2, 0.0)
    assert [p.ndim for p in decayed["params"]] == [2, 2]
    assert [p.ndim for p in exempt["params"]] == [1, 1, 1]


def test_a_weight_without_a_gradient_decays_by_the_rate_times_the_decay() -> None:
    model = torch.nn.Linear(2, 2, bias=False)
    torch.nn.init.ones_(model.weight)
    [optimiser] = optimisers(model, PAPER, [])
    model.weight.grad = torch.zeros(2, 2)
    optimiser.step()
    assert model.weight.detach().double().allclose(torch.tensor(1 - 4.5e-4 * 4.5e-2).double(), rtol=1e-7)


def test_the_second_moment_is_clipped_at_five() -> None:
    model = torch.nn.Linear(2, 2, bias=False)
    [optimiser] = optimisers(model, PAPER, [])
    for _ in range(20):
        model.weight.grad = torch.tensor([[4.0, 1.0], [0.1, 0.0]])
        optimiser.step()
    found = optimiser.state[model.weight]["exp_avg_sq"]
    grown = 1 - 0.96**20
    torch.testing.assert_close(found, torch.tensor([[5.0, grown], [0.01 * grown, 0.0]]))


def test_gradients_are_clipped_to_a_norm_of_four() -> None:
    model = torch.nn.Linear(2, 1, bias=False)
    gradients = Gradients(model.parameters(), PAPER, torch.device("cpu"))
    for given, expected in (([30.0, 40.0], [2.4, 3.2]), ([0.3, 0.4], [0.3, 0.4])):
        model.weight.grad = torch.tensor([given])
        gradients.check(0)
        torch.testing.assert_close(model.weight.grad, torch.tensor([expected]))


def test_the_average_moves_every_25th_update_by_a_hundredth() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    ema = ema_of(model, PAPER, torch.device("cpu"))
    assert ema is not None
    torch.nn.init.ones_(model.weight)
    for updates in range(99_951, 100_001):
        ema.update(model, updates - 1, torch.tensor(True))
        moves = (updates >= 99_975) + (updates >= 100_000)
        assert float(ema.tensors["weight"]) == pytest.approx(1 - 0.99**moves)


def test_the_decay_is_the_papers_for_nineteen_of_twenty_updates() -> None:
    reached = next(move for move in range(PAPER.steps) if ema_decay_at(0.99, move) == 0.99)
    assert reached * PAPER.ema_every < 0.06 * PAPER.steps
    assert 0.99 ** (1 / PAPER.ema_every) == pytest.approx(0.9996, abs=1e-5)
