"""Nearest codes, gradients past them, and a code book that follows what it stands for."""

import pytest
import torch
from torch import Tensor

from models.training.randomness import Step
from models.vqgan import quantiser as quantisation
from models.vqgan.quantiser import CodeBookAverage, Quantiser, straight_through


def _quantiser(vectors: list[list[float]]) -> Quantiser:
    quantiser = Quantiser(len(vectors), len(vectors[0]))
    quantiser.embedding.weight.copy_(torch.tensor(vectors))
    return quantiser


def test_a_latent_vector_gets_the_nearest_code() -> None:
    quantiser = _quantiser([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    latents = torch.tensor([[[1.4, 1.6, -9.0]], [[0.0, 0.0, 2.1]]])[None]  # [1, 2, 1, 3]
    codes = quantiser(latents)
    assert codes.tolist() == [[[0, 1, 2]]]
    assert quantiser.vectors(codes)[0, :, 0, 1].tolist() == [3.0, 0.0]


def test_the_nearest_code_is_that_of_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantisation, "_ROWS", 7)  # compared in several parts
    torch.manual_seed(0)
    quantiser, latents = Quantiser(13, 5), torch.randn(2, 5, 4, 3)
    quantiser.embedding.weight.normal_()
    rows = latents.permute(0, 2, 3, 1).flatten(0, 2)
    assert torch.equal(quantiser(latents).flatten(), torch.cdist(rows, quantiser.embedding.weight).argmin(1))


def test_codes_are_the_same_under_autocast() -> None:
    torch.manual_seed(0)
    quantiser, latents = Quantiser(300, 8), torch.randn(2, 8, 6, 6)
    quantiser.embedding.weight.normal_()
    with torch.autocast("cpu", torch.bfloat16):
        codes = quantiser(latents)
    assert torch.equal(codes, quantiser(latents))


def test_the_gradient_passes_straight_to_the_latents() -> None:
    latents = torch.randn(1, 2, 2, 2, requires_grad=True)
    vectors = torch.randn(1, 2, 2, 2)
    quantised = straight_through(latents, vectors)
    torch.testing.assert_close(quantised, vectors)
    gradient = torch.randn(1, 2, 2, 2)
    quantised.backward(gradient)
    assert latents.grad is not None
    assert torch.equal(latents.grad, gradient)


def test_the_code_book_is_the_ratio_of_its_averages() -> None:
    quantiser = _quantiser([[0.0, 0.0], [5.0, 5.0], [9.0, 9.0]])
    average = CodeBookAverage(3, 2, decay=0.9)
    first, second = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 6.0]]), torch.tensor([[7.0, 7.0], [2.0, 2.0]])
    assert average.update(quantiser.embedding, first, torch.tensor([0, 0, 1])).tolist() == [2, 1, 0]
    average.update(quantiser.embedding, second, torch.tensor([1, 1]))
    # counts 0.1 (0.9 n1 + n2), sums the same of what was chosen; a code never chosen keeps its vector.
    torch.testing.assert_close(average.counts, torch.tensor([0.18, 0.29, 0.0]))
    expected = [[2.0, 1.0], [(0.9 * 5 + 9) / 2.9, (0.9 * 6 + 9) / 2.9], [9.0, 9.0]]
    torch.testing.assert_close(quantiser.embedding.weight, torch.tensor(expected))


@pytest.fixture
def two_ranks(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What the other rank adds to each sum over ranks, in order; empty once all is used."""
    others: list[Tensor] = []
    monkeypatch.setattr(quantisation, "sum_over_ranks", lambda value: value + others.pop(0) if others else value)
    return others


def test_a_rank_moves_the_code_book_by_the_vectors_of_all(two_ranks: list[Tensor]) -> None:
    torch.manual_seed(0)
    vectors, codes = torch.randn(10, 2), torch.randint(0, 4, (10,))
    books = []
    for mine in (10, 6):
        quantiser, average = _quantiser([[0.0, 0.0]] * 4), CodeBookAverage(4, 2, decay=0.5)
        sums = torch.zeros(4, 2).index_add_(0, codes[mine:], vectors[mine:])
        two_ranks[:] = [torch.bincount(codes[mine:], minlength=4).float(), sums]
        average.update(quantiser.embedding, vectors[:mine], codes[:mine])
        books.append(quantiser.embedding.weight)
    torch.testing.assert_close(*books)


def test_hardly_used_codes_start_again_at_vectors_of_the_batch() -> None:
    quantiser, average = _quantiser([[0.0], [5.0], [9.0]]), CodeBookAverage(3, 1, decay=0.9)
    vectors = torch.arange(12.0)[:, None] + 100
    average.update(quantiser.embedding, vectors, torch.tensor([0] * 11 + [1]))  # counts 1.1, 0.1, 0; equal share 4
    kept = quantiser.embedding.weight[0].clone()
    average.restart(quantiser.embedding, vectors, Step(3, seed=0), below=0.1)
    assert torch.equal(quantiser.embedding.weight[0], kept)
    assert all(code in vectors for code in quantiser.embedding.weight[1:])
    assert average.counts.tolist() == pytest.approx([1.1, 4.0, 4.0])
    torch.testing.assert_close(average.sums[1:], 4 * quantiser.embedding.weight[1:])


def test_restarts_are_the_same_on_one_rank_and_on_two(two_ranks: list[Tensor]) -> None:
    vectors = torch.arange(12.0)[:, None]
    whole = _restarted(vectors, Step(3, seed=0))
    second = _restarted(vectors[6:], Step(3, seed=0, rank=1, world=2))
    two_ranks[:] = [second]
    assert torch.equal(whole, _restarted(vectors[:6], Step(3, seed=0, rank=0, world=2)))
    assert not torch.equal(whole, _restarted(vectors, Step(4, seed=0)))


def _restarted(vectors: Tensor, step: Step) -> Tensor:
    quantiser = _quantiser([[0.0]] * 5)
    CodeBookAverage(5, 1, decay=0.9).restart(quantiser.embedding, vectors, step, below=0.1)
    return quantiser.embedding.weight
