"""The planned weights are the real model's, by name and shape, and have the paper's sizes."""

from typing import Any

import pytest
import torch

from models.planning.compression import compression_rate, factor_numbers
from models.planning.hardware import PRESETS
from models.planning.parallel import Parallel
from models.planning.training_plan import plan_prior
from models.planning.weights import prior_weights
from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.model import Prior

PAPER = PriorModelConfig()
TABLE_ONE = [(1920, 30, 512, 0.833), (2688, 42, 640, 0.851), (3968, 62, 896, 0.859)]


@pytest.mark.parametrize("changes", [{}, {"width": 64, "heads": 2, "layers": 3, "grid": 8, "start_of_text": True}])
def test_they_are_those_of_the_model(changes: dict[str, Any]) -> None:
    config = PriorModelConfig(**changes)
    with torch.device("meta"):
        model = Prior(config)
    planned = {weight.name: weight.shape for weight in prior_weights(config)}
    assert planned == {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def test_what_counts_as_a_matrix_of_a_block_is_what_muon_would_train() -> None:
    with torch.device("meta"):
        model = Prior(PriorModelConfig(width=64, heads=2, layers=3))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    real = {names[id(matrix.weight)]: matrix.parts for matrix in model.matrices()}
    planned = prior_weights(model.config)
    assert {weight.name: weight.parts for weight in planned if weight.is_matrix_of_a_block} == real


def test_the_papers_12_billion_take_24_gb_in_16_bits() -> None:
    plan = plan_prior(PAPER, PriorTrainingConfig(precision="fp16"), Parallel(), PRESETS["v100-16gb"])
    assert plan.block_matrices / 1e9 == pytest.approx(12.09, abs=0.01)
    assert plan.half_bytes / 1e9 == pytest.approx(24.2, abs=0.05)


@pytest.mark.parametrize(("width", "heads", "rank", "rate"), TABLE_ONE)
def test_compression_saves_what_table_one_says(width: int, heads: int, rank: int, rate: float) -> None:
    weights = prior_weights(PriorModelConfig(width=width, heads=heads))
    found = compression_rate(weights, rank, gpus_per_machine=8)
    assert found == pytest.approx(rate, abs=5e-4)
    assert found == pytest.approx(1 - 5 * rank / (8 * width))


@pytest.mark.parametrize("gpus", [2, 4, 16])
def test_with_other_machines_it_is_as_in_table_two(gpus: int) -> None:
    d, r, m = PAPER.width, 896, gpus
    one_block = [weight for weight in prior_weights(PAPER) if weight.layer == 0]
    factors_p, factors_q = (5 * d * r * m + 4 * d * r) / m**2, (d * r * m + 8 * d * r) / m**2
    assert factor_numbers(one_block, r, m) == pytest.approx(factors_p + factors_q)
