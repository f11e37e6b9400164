"""The search finds the pairs that a comparison of every two hashes finds, and compares far fewer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.dedup.banded_search import BandedSearch


def hashes_around(centres: int, count: int, bits: int, seed: int) -> np.ndarray:
    """Hashes, bool [count, bits], that differ from one of some centres in up to a tenth of their bits."""
    random = np.random.default_rng(seed)
    centre = random.random((centres, bits)) < 0.5
    flips = random.random((count, bits)) < random.random((count, 1)) * 0.1
    return centre[random.integers(0, centres, count)] ^ flips


def pairs_of(search: BandedSearch, skipped: np.ndarray | None = None) -> list[tuple[int, int]]:
    pieces = search.pairs(skipped)
    return [pair for first, second in pieces for pair in zip(first.tolist(), second.tolist(), strict=True)]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([1, 13, 64, 65, 255, 300]),
    distance=st.integers(0, 70),
    count=st.integers(0, 60),
    piece=st.sampled_from([1, 10, 1000]),
)
def test_the_pairs_are_those_of_a_comparison_of_every_two(seed, bits, distance, count, piece):
    """Whatever the size of the pieces that the work is cut into."""
    hashes = hashes_around(5, count, bits, seed)
    distance = min(distance, bits - 1)
    skipped = np.random.default_rng(seed).random(count) < 0.2
    apart = (hashes[:, None] != hashes[None]).sum(axis=2)
    expected = {(a, b) for a in range(count) for b in range(a + 1, count) if apart[a, b] <= distance}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.dedup.banded_search.COMPARED_AT_ONCE", piece)
        patch.setattr("tasks.dedup.banded_search.PLACES_AT_ONCE", piece)
        search = BandedSearch(hashes, distance)
        found, unskipped = pairs_of(search), pairs_of(search, skipped)
    assert set(found) == expected
    assert [first for first, _ in found] == sorted(first for first, _ in found)
    assert set(unskipped) == {(a, b) for a, b in expected if not skipped[a] and not skipped[b]}


def test_random_hashes_are_hardly_compared():
    hashes = np.random.default_rng(0).random((5000, 255)) < 0.5
    search = BandedSearch(hashes, 12)
    assert pairs_of(search) == []
    assert search.comparisons < 5000 * 4999 / 2 / 10_000


def test_what_is_skipped_between_two_pieces_is_compared_no_more():
    hashes = np.zeros((3000, 255), bool)
    skipped = np.zeros(3000, bool)
    search = BandedSearch(hashes, 12)
    for first, second in search.pairs(skipped):
        assert set(first.tolist()) == {0}
        skipped[second] = True
    assert search.comparisons <= 13 * 2999
