"""The default training of the dVAE is the paper's (A.2): schedules at ten steps each, and the optimiser."""

import math

import pytest
import torch

from models.dvae.config import DVAETrainingConfig
from models.training.optimiser import optimisers
from models.training.schedules import warmup_cosine

PAPER = DVAETrainingConfig()


def half_cosine(start: float, end: float, updates: int, step: int) -> float:
    """From start to end in that many updates, written by the half angle."""
    return end + (start - end) * math.cos(math.pi / 2 * min(step, updates) / updates) ** 2


@pytest.mark.parametrize(
    "step", [0, 1, 1_000, 150_000, 400_000, 600_000, 1_199_999, 1_200_000, 1_200_001, PAPER.steps - 1]
)
def test_the_learning_rate_at_ten_steps(step: int) -> None:
    c = PAPER
    found = warmup_cosine(c.learning_rate, c.final_learning_rate, c.warmup_steps, c.ramp_steps, step)
    assert found == pytest.approx(half_cosine(1e-4, 1.25e-6, 1_200_000, step), rel=1e-9)


@pytest.mark.parametrize("step", [0, 1, 100, 1_250, 2_500, 3_750, 4_999, 5_000, 5_001, 2_999_999])
def test_the_weight_of_the_kl_term_at_ten_steps(step: int) -> None:
    assert PAPER.beta_at(step) == pytest.approx(half_cosine(0.0, 6.6, 5_000, step), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("step", [0, 1, 1_000, 37_500, 75_000, 112_500, 149_999, 150_000, 150_001, 2_999_999])
def test_the_temperature_at_ten_steps(step: int) -> None:
    assert PAPER.tau_at(step) == pytest.approx(half_cosine(1.0, 0.0625, 150_000, step), rel=1e-9)


def test_three_fifths_of_the_training_run_at_the_end_of_all_ramps() -> None:
    at_the_end = PAPER.steps - max(PAPER.ramp_steps, PAPER.tau_steps, PAPER.beta_steps)
    assert at_the_end / PAPER.steps == pytest.approx(0.6)


def test_the_optimiser_is_adamw_with_the_papers_values() -> None:
    [optimiser] = optimisers(torch.nn.Linear(2, 2), PAPER, [])
    decayed, exempt = optimiser.param_groups
    assert isinstance(optimiser, torch.optim.AdamW)
    assert (decayed["betas"], decayed["eps"], decayed["lr"]) == ((0.9, 0.999), 1e-8, 1e-4)
    assert (decayed["weight_decay"], exempt["weight_decay"]) == (1e-4, 0.0)
