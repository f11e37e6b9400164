"""The paper's formats of 16 bits hold what they can, and the nearest of what they cannot."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.training.sixteen_bits import MEAN, VARIANCE, Format

FORMATS = pytest.mark.parametrize("form", [MEAN, VARIANCE], ids=["1-6-9", "0-6-10"])
in_range = st.builds(math.ldexp, st.integers(-(2**24), 2**24), st.integers(-100, -18))
floats = st.lists(in_range | st.floats(width=32, allow_nan=False), min_size=1, max_size=50)


def _all_codes() -> torch.Tensor:
    return torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)


def _sizes(form: Format) -> torch.Tensor:
    """All numbers that are not negative, in the order of their codes."""
    count = 2**15 if form.signed else 2**16
    return form.decode(torch.arange(count, dtype=torch.int32).to(torch.int16))


def _stored(form: Format, numbers: list[float]) -> torch.Tensor:
    return form.decode(form.encode(torch.tensor(numbers)))


@FORMATS
def test_every_code_is_the_code_of_its_number(form: Format) -> None:
    codes = _all_codes()
    assert torch.equal(form.encode(form.decode(codes)), codes)


@FORMATS
def test_a_larger_code_is_a_larger_number(form: Format) -> None:
    sizes = _sizes(form)
    assert float(sizes[0]) == 0.0
    assert (sizes[1:] > sizes[:-1]).all()
    assert float(sizes[1]) == form.smallest
    assert float(sizes[-1]) == form.largest


def test_they_reach_as_far_as_the_paper_says_and_to_the_bound_on_the_second_moment() -> None:
    assert MEAN.largest == 15.984375  # "slightly less than 16" (E.2)
    assert VARIANCE.largest == 15.9921875 > 5.0  # B.2
    assert MEAN.smallest == 2.0**-68
    assert VARIANCE.smallest == 2.0**-69


@FORMATS
@settings(deadline=None)
@given(numbers=floats)
def test_what_is_stored_is_the_nearest_number_and_of_two_the_one_with_the_even_code(
    form: Format, numbers: list[float]
) -> None:
    sizes = _sizes(form).double().numpy()
    exact = np.array(numbers, dtype=np.float64)
    size = np.minimum(np.abs(exact) if form.signed else np.maximum(exact, 0), form.largest)
    above = np.searchsorted(sizes, size).clip(max=len(sizes) - 1)
    below = (above - 1).clip(min=0)
    up, down = sizes[above] - size, size - sizes[below]
    code = np.where(up < down, above, np.where(down < up, below, np.where(above % 2 == 0, above, below)))
    sign = np.where(np.signbit(exact) & form.signed, -1.0, 1.0)
    np.testing.assert_array_equal(_stored(form, numbers).double().numpy(), sign * sizes[code])


@FORMATS
@settings(deadline=None)
@given(numbers=floats)
def test_storing_keeps_the_order_and_storing_again_changes_nothing(form: Format, numbers: list[float]) -> None:
    stored = _stored(form, sorted(numbers))
    assert (stored[1:] >= stored[:-1]).all()
    assert torch.equal(form.decode(form.encode(stored)), stored)


@FORMATS
def test_numbers_out_of_range_become_its_ends(form: Format) -> None:
    least = -form.largest if form.signed else 0.0
    assert _stored(form, [float("inf"), 1e30, -float("inf"), -1e30]).tolist() == [form.largest] * 2 + [least] * 2
    assert not _stored(form, [form.smallest / 2.1, 1e-40, 0.0]).any()


@FORMATS
def test_any_shape_and_layout_is_stored(form: Format) -> None:
    numbers = torch.rand(3, 4, 5).transpose(0, 2)
    assert torch.equal(form.encode(numbers), form.encode(numbers.contiguous()))
    assert form.encode(torch.empty(0, 3)).shape == (0, 3)
    assert float(form.decode(form.encode(torch.tensor(0.5)))) == 0.5
