"""PowerSGD: exact at full rank, right in the long run at a low one, and its buffers survive what is not finite."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.training.power_sgd import CompressedWeight, PowerSGD, orthonormal
from models.training.sixteen_bits import MEAN, Format

ROWS, COLUMNS = 24, 40


def compressed(
    rank: int,
    rows: int = ROWS,
    columns: int = COLUMNS,
    numbers: range = range(1),
    kept_in: Format | None = None,
) -> CompressedWeight:
    return CompressedWeight(torch.zeros(rows, columns), int(columns > rows), numbers, rank, 0, "w", kept_in)


def alone(tensor: Tensor) -> None:
    """The mean over one machine."""


def exchanged(weight: CompressedWeight, gradient: Tensor, mean: Callable[[Tensor], None] = alone) -> Tensor:
    """What becomes of a gradient."""
    result = gradient.clone()
    PowerSGD({"w": weight}).exchange([result], [], mean)
    return result


@pytest.mark.parametrize(("rows", "columns"), [(24, 40), (40, 24), (16, 16)])
def test_at_full_rank_nothing_is_lost(rows: int, columns: int) -> None:
    weight = compressed(min(rows, columns), rows, columns)
    for _ in range(3):
        gradient = torch.randn(rows, columns)
        torch.testing.assert_close(exchanged(weight, gradient), gradient, atol=1e-5, rtol=0)
    assert weight.error.abs().max() < 1e-5


def test_the_factor_to_be_orthogonalised_is_the_shorter_one_and_no_rank_is_above_its_length() -> None:
    for rows, columns in ((24, 40), (40, 24)):
        weight = compressed(100, rows, columns)
        assert weight.matrices(weight.error).shape == (1, 24, 40)
        assert weight.q.shape == (1, 40, 24)


def test_what_was_not_sent_stays_in_the_error_buffer() -> None:
    weight = compressed(rank=3)
    gradients = [torch.randn(ROWS, COLUMNS) for _ in range(4)]
    sent = sum(exchanged(weight, gradient) for gradient in gradients)
    torch.testing.assert_close(sent + weight.error, torch.stack(gradients).sum(0), atol=1e-4, rtol=0)
    assert float(weight.error.norm()) > 1


def test_the_random_factor_is_one_and_fixed_and_the_residual_is_orthogonal_to_it() -> None:
    weight, other_rank = compressed(rank=3), compressed(rank=3)
    before = weight.q.clone()
    assert torch.equal(before, other_rank.q)
    exchanged(weight, torch.randn(ROWS, COLUMNS))
    assert torch.equal(weight.q, before)
    assert (weight.matrices(weight.error) @ weight.q).abs().max() < 1e-4  # the consequence of a Q that is fixed


def test_the_norm_of_what_is_sent_is_that_of_the_second_factor() -> None:
    weight = compressed(rank=3)
    factors: list[Tensor] = []
    result = exchanged(weight, torch.randn(ROWS, COLUMNS), lambda joined: factors.append(joined.clone()))
    assert float(result.norm()) == pytest.approx(float(factors[1].norm()), rel=1e-5)


def test_columns_become_orthonormal_even_those_of_a_matrix_of_lower_rank() -> None:
    column = torch.randn(1, ROWS, 1)
    for p in (torch.randn(2, ROWS, 5), torch.cat([column, column, 2 * column], dim=2), torch.zeros(1, ROWS, 3)):
        found = orthonormal(p)
        identity = torch.eye(p.shape[2]).expand(len(p), -1, -1)
        torch.testing.assert_close(found.mT @ found, identity, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("rows", "columns"), [(48, 16), (16, 48)])
def test_ranks_of_a_machine_compress_what_one_rank_would(rows: int, columns: int) -> None:
    gradient = torch.randn(rows, columns)
    axis = int(columns > rows)
    whole = exchanged(compressed(2, rows, columns, range(4)), gradient)
    halves = []
    for number, half in enumerate(gradient.chunk(2, dim=axis)):
        weight = CompressedWeight(half, axis, range(2 * number, 2 * number + 2), rank=2, seed=0, name="w")
        halves.append(exchanged(weight, half))
    torch.testing.assert_close(torch.cat(halves, dim=axis), whole, atol=1e-6, rtol=0)


def test_an_error_buffer_of_16_bits_keeps_all_but_rounding() -> None:
    wide, narrow = compressed(rank=3), compressed(rank=3, kept_in=MEAN)
    assert narrow.buffer.dtype == torch.int16
    gradients = [torch.randn(ROWS, COLUMNS) for _ in range(4)]
    sent = sum(exchanged(narrow, gradient) for gradient in gradients)
    for gradient in gradients:
        exchanged(wide, gradient)
    torch.testing.assert_close(narrow.error, wide.error, atol=0.02, rtol=0)  # of numbers up to 8
    torch.testing.assert_close(sent + narrow.error, torch.stack(gradients).sum(0), atol=0.02, rtol=0)


def _distance(rank: int, feedback: bool, kept_in: Format | None = None) -> float:
    """From the minimum of a quadratic, relative, after descent along gradients that are half noise."""
    generator = torch.Generator().manual_seed(0)
    target, steps = torch.randn(ROWS, COLUMNS, generator=generator), 300
    found, weight = torch.zeros(ROWS, COLUMNS), compressed(rank, kept_in=kept_in)
    for step in range(steps):
        gradient = found - target + torch.randn(ROWS, COLUMNS, generator=generator)
        if not feedback:
            weight.buffer.zero_()
        found -= 0.05 * (1 - step / steps) * exchanged(weight, gradient)
    return float((found - target).norm() / target.norm())


def test_a_low_rank_converges_on_noisy_gradients_because_of_the_error_buffer() -> None:
    uncompressed = _distance(rank=ROWS, feedback=True)
    assert _distance(rank=2, feedback=True) < 1.2 * uncompressed
    assert _distance(rank=2, feedback=True, kept_in=MEAN) < 1.2 * uncompressed
    assert _distance(rank=2, feedback=False) > 5 * uncompressed


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_stays_out_of_the_buffers_and_is_told(bad: float) -> None:
    weight, same = compressed(rank=3), compressed(rank=3)
    for each in (weight, same):
        exchanged(each, torch.ones(ROWS, COLUMNS))
    gradient = torch.randn(ROWS, COLUMNS)
    gradient[3, 5] = bad
    result = exchanged(weight, gradient)
    exchanged(same, torch.zeros(ROWS, COLUMNS))
    assert result.isnan().all()
    assert torch.equal(weight.error, same.error)


def test_with_a_bad_gradient_that_is_not_compressed_nothing_is_added_to_the_buffers() -> None:
    weight, gradient, bad = compressed(rank=3), torch.ones(ROWS, COLUMNS), torch.tensor([math.nan])
    PowerSGD({"w": weight}).exchange([gradient], [bad], alone)
    assert bad.isnan()
    assert gradient.isfinite().all()
    assert not weight.error.any()


def test_of_two_weights_only_the_one_with_a_bad_gradient_says_so() -> None:
    weights = {"bad": compressed(rank=3), "good": compressed(rank=3)}
    gradients = [torch.full((ROWS, COLUMNS), math.inf), torch.ones(ROWS, COLUMNS)]
    PowerSGD(weights).exchange(gradients, [], alone)
    assert [bool(gradient.isfinite().all()) for gradient in gradients] == [False, True]
    assert not any(weight.error.any() for weight in weights.values())


def test_factors_that_are_not_finite_keep_a_finite_buffer_and_zero_another() -> None:
    def another_machine_has_bad_factors(joined: Tensor) -> None:
        joined[0] = math.nan

    kept = compressed(rank=3)
    gradient = torch.randn(ROWS, COLUMNS)
    assert exchanged(kept, gradient, another_machine_has_bad_factors).isnan().all()
    assert torch.equal(kept.error, gradient)

    zeroed = compressed(rank=3)
    zeroed.error[0, 0] = math.inf
    assert exchanged(zeroed, gradient).isnan().all()
    assert not zeroed.error.any()
    assert exchanged(zeroed, gradient).isfinite().all()
