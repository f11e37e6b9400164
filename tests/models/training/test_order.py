"""The order of a training is a pure function that needs the row groups of one window."""

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.training.order import Order

SIZES = st.lists(st.integers(0, 7), min_size=1, max_size=12).filter(any)


def rows_at(order: Order, sizes: list[int], positions: range) -> list[tuple[int, int]]:
    """Row group and row in it of each position."""
    found = []
    for part in order.parts(positions):
        rows = [(group, row) for group in order.groups(part.window) for row in range(sizes[group])]
        found += [rows[i] for i in part.rows]
    return found


@given(sizes=SIZES, window=st.integers(1, 5), seed=st.integers(0, 3))
def test_each_epoch_has_every_row_once(sizes: list[int], window: int, seed: int) -> None:
    order, count = Order(seed, sizes, window), sum(sizes)
    everything = sorted((group, row) for group, size in enumerate(sizes) for row in range(size))
    for epoch in range(3):
        assert sorted(rows_at(order, sizes, range(epoch * count, (epoch + 1) * count))) == everything


@given(SIZES, st.integers(1, 5), st.integers(0, 60), st.integers(1, 30), st.integers(0, 30))
def test_a_position_has_its_row_however_positions_are_cut(
    sizes: list[int], window: int, start: int, count: int, cut: int
) -> None:
    cut = start + min(cut, count)
    whole = rows_at(Order(1, sizes, window), sizes, range(start, start + count))
    first = rows_at(Order(1, sizes, window), sizes, range(start, cut))
    assert whole == first + rows_at(Order(1, sizes, window), sizes, range(cut, start + count))


@given(sizes=SIZES, window=st.integers(1, 5), start=st.integers(0, 60), count=st.integers(1, 30))
def test_windows_follow_each_other_and_hold_few_row_groups(
    sizes: list[int], window: int, start: int, count: int
) -> None:
    order = Order(0, sizes, window)
    names = [part.window for part in order.parts(range(start, start + count))]
    assert [order.after(name) for name in names[:-1]] == names[1:]
    assert all(len(order.groups(name)) <= window for name in names)


def test_epochs_and_seeds_have_different_orders() -> None:
    sizes = [10] * 6
    first, second = (rows_at(Order(0, sizes, 2), sizes, range(start, start + 60)) for start in (0, 60))
    assert first != second
    assert first != rows_at(Order(1, sizes, 2), sizes, range(60))


def test_a_window_mixes_its_row_groups() -> None:
    sizes = [50] * 8
    first = {group for group, _ in rows_at(Order(0, sizes, 4), sizes, range(40))}
    assert len(first) == 4


def test_the_order_of_three_million_rows_is_small() -> None:
    sizes = np.full(3_000_000 // 256, 256)
    tracemalloc.start()
    order = Order(0, sizes, 16)
    for step in range(100):
        order.parts(range(step * 512, (step + 1) * 512))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20  # a permutation of all rows alone takes 24 MB
