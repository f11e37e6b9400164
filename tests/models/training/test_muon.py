"""Muon's updates are orthogonal, and a run with it resumes to the same bits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.prior.train import PriorJob, train
from models.training.checkpoint import read_tensors
from models.training.config import TrainingConfig
from models.training.distributed import Ranks
from models.training.errors import DataError
from models.training.loop import Loop
from models.training.muon import Matrix, Muon, orthogonalised
from models.training.optimiser import optimisers


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 24, 8), (3, 8, 32)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(drawn, dtype))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_orthogonalising_keeps_the_singular_vectors() -> None:
    u, _, v = torch.linalg.svd(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))
    spread = u @ torch.diag(torch.tensor([9.0, 5.0, 3.0, 2.0, 1.0, 0.5])) @ v
    aligned = u.T @ orthogonalised(spread[None])[0] @ v.T
    torch.testing.assert_close(aligned, torch.diag(aligned.diagonal()), atol=1e-4, rtol=0)
    assert (aligned.diagonal() > 0.6).all()


@pytest.mark.parametrize("shape", [(2, 8, 12), (2, 8, 40), (2, 40, 8)])
def test_every_shape_is_orthogonalised_as_by_newton_schulz_on_the_matrix_itself(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    x = matrices.double() / torch.linalg.matrix_norm(matrices.double(), keepdim=True)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
    assert torch.allclose(orthogonalised(matrices).double(), x, atol=1e-4)


def test_directions_of_which_a_gradient_has_little_are_kept_in_bfloat16() -> None:
    """On the Gram matrix alone, as a faster form computes, they are lost: their squares are below its rounding."""
    u, _, v = torch.linalg.svd(torch.randn(64, 256, generator=torch.Generator().manual_seed(0)), full_matrices=False)
    gradient = u @ torch.diag(torch.logspace(0, -2, 64)) @ v
    values = torch.linalg.svdvals(orthogonalised(gradient[None], torch.bfloat16))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_the_length_of_the_gradient_does_not_matter() -> None:
    gradient = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(orthogonalised(gradient), orthogonalised(gradient * 1e4), atol=1e-4, rtol=1e-4)


def test_parts_of_a_matrix_are_updated_on_their_own() -> None:
    gradient = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    whole, parts = torch.zeros(6, 2, requires_grad=True), torch.zeros(2, 2, requires_grad=True)
    whole.grad, parts.grad = gradient.clone(), gradient[2:4].clone()
    Muon([Matrix(whole, parts=3)], 0.1).step()
    Muon([Matrix(parts)], 0.1).step()
    torch.testing.assert_close(whole[2:4], parts)


def test_matrices_of_equal_shape_are_updated_as_each_alone_is() -> None:
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(shape, generator=generator) for shape in ((4, 6), (6, 4), (4, 6), (6, 4), (4, 4))]
    together = [torch.zeros_like(gradient, requires_grad=True) for gradient in gradients]
    alone = [torch.zeros_like(gradient, requires_grad=True) for gradient in gradients]
    for weights in (together, alone):
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient.clone()
    Muon([Matrix(weight) for weight in together], 0.1).step()
    for weight in alone:
        Muon([Matrix(weight)], 0.1).step()
    for ours, theirs in zip(together, alone, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_weight_decay_shrinks_the_matrices_by_learning_rate_times_decay() -> None:
    gradient = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    plain, decayed = torch.ones(4, 4, requires_grad=True), torch.ones(4, 4, requires_grad=True)
    plain.grad, decayed.grad = gradient.clone(), gradient.clone()
    Muon([Matrix(plain)], 0.1).step()
    Muon([Matrix(decayed)], 0.1, weight_decay=0.5).step()
    torch.testing.assert_close(plain - decayed, torch.full((4, 4), 0.05))


def test_the_decay_of_the_configuration_reaches_the_matrices_of_muon() -> None:
    model = torch.nn.Linear(4, 4, bias=False)
    config = TrainingConfig(muon_learning_rate=0.1, learning_rate=0.1, weight_decay=0.5)
    before = model.weight.detach().clone()
    muon = optimisers(model, config, [Matrix(model.weight)])[1]
    model.weight.grad = torch.zeros(4, 4)
    muon.step()
    torch.testing.assert_close(model.weight.detach(), before * (1 - 0.1 * 0.5))


def test_a_run_with_muon_resumes_to_the_same_bits(
    prior_job: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"muon_learning_rate": 0.02, "checkpoint_every": 4, "bpe_dropout": 0.2}
    jobs = [PriorJob.model_validate(prior_job(out, **settings)) for out in ("whole", "broken")]
    train(jobs[0], Ranks())
    update = Loop._update

    def fail_at_six(self: Loop, step: Any) -> Any:
        if step.number == 6:
            raise DataError("ended")
        return update(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_update", fail_at_six)
        with pytest.raises(DataError):
            train(jobs[1], Ranks())
    train(jobs[1], Ranks())
    first, second = (read_tensors(Path(job.out) / "weights.safetensors")[0] for job in jobs)
    assert all(torch.equal(first[name], second[name]) for name in first)
