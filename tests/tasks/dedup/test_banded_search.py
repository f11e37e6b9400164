"""The search finds the pairs that a comparison of every two hashes finds, and compares far fewer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.dedup.banded_search import FIRST_WINDOW, BandedSearch, Bands, packed


def hashes_around(centres: int, count: int, bits: int, seed: int) -> np.ndarray:
    """Hashes, bool [count, bits], that differ from one of some centres in up to a tenth of their bits."""
    random = np.random.default_rng(seed)
    centre = random.random((centres, bits)) < 0.5
    flips = random.random((count, bits)) < random.random((count, 1)) * 0.1
    return centre[random.integers(0, centres, count)] ^ flips


def search_of(hashes: np.ndarray, distance: int, which: list[int] | None = None) -> BandedSearch:
    return BandedSearch(packed(hashes), Bands(hashes.shape[1], distance), which)


def pairs_of(search: BandedSearch, **limits) -> list[tuple[int, int]]:
    pieces = search.pairs(**limits)
    return [pair for first, second in pieces for pair in zip(first.tolist(), second.tolist(), strict=True)]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([1, 13, 64, 65, 255, 300]),
    distance=st.integers(0, 16),
    count=st.integers(0, 40),
    piece=st.sampled_from([1, 100]),
)
def test_the_pairs_are_those_of_a_comparison_of_every_two(seed, bits, distance, count, piece):
    """Each once, whatever the size of the pieces that the work is cut into."""
    hashes = hashes_around(5, count, bits, seed)
    distance = min(distance, bits - 1)
    done = np.random.default_rng(seed).random(count) < 0.2
    apart = (hashes[:, None] != hashes[None]).sum(axis=2)
    expected = [(a, b) for a in range(count) for b in range(a + 1, count) if apart[a, b] <= distance]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.dedup.banded_search.COMPARED_AT_ONCE", piece)
        search = search_of(hashes, distance)
        found, undone = pairs_of(search), pairs_of(search, done=done)
        ahead = pairs_of(search, earlier=count // 3)
        parts = [pairs_of(search_of(hashes, distance, [band])) for band in range(distance + 1)]
    assert sorted(found) == expected
    assert sorted(undone) == [(a, b) for a, b in expected if not done[b]]
    assert sorted(ahead) == [(a, b) for a, b in expected if a < count // 3]
    assert {pair for part in parts for pair in part} == set(expected)


def test_random_hashes_are_hardly_compared():
    hashes = np.random.default_rng(0).random((5000, 255)) < 0.5
    search = search_of(hashes, 12)
    assert pairs_of(search) == []
    assert search.comparisons < 5000 * 4999 / 2 / 10_000


def test_a_row_that_is_done_is_compared_no_more():
    """So that copies of one picture are compared with the first ones alone."""
    hashes = np.zeros((30_000, 255), bool)
    done = np.zeros(len(hashes), bool)
    search = search_of(hashes, 12)
    for first, second in search.pairs(done):
        assert first.max() < FIRST_WINDOW
        done[second] = True
    assert done.sum() == len(hashes) - 1
    assert search.comparisons <= FIRST_WINDOW * len(hashes)
