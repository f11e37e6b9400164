"""The most frequent keys are counted in bounded memory, and the error is known."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tasks.funnel.top_counts import TopCounts


def counted(parts: list[Counter[int]], capacity: int) -> TopCounts[int]:
    whole = TopCounts[int](capacity)
    for part in parts:
        own = TopCounts[int](capacity)
        own.add(part)
        whole.merge(own)
    return whole


def test_with_room_for_all_the_counts_are_exact() -> None:
    found = counted([Counter("aab"), Counter("bc")], 3)
    assert found.counts() == {"a": 2, "b": 2, "c": 1}
    assert found.missed == 0


@given(st.lists(st.lists(st.integers(0, 30), max_size=60), max_size=8), st.integers(1, 10))
def test_a_count_is_never_too_high_and_too_low_by_no_more_than_is_said(parts: list[list[int]], capacity: int) -> None:
    found = counted([Counter(part) for part in parts], capacity)
    truth = Counter(key for part in parts for key in part)
    assert len(found.counts()) <= capacity
    assert found.missed <= truth.total() / (capacity + 1)
    assert all(truth[key] - found.missed <= found.counts().get(key, 0) <= truth[key] for key in truth)


def test_the_frequent_ones_survive_a_flood_of_rare_ones() -> None:
    chance = random.Random(1)
    parts = [Counter(chance.choices(["big", "second"], [3, 2], k=100)) for _ in range(50)]
    for number, part in enumerate(parts):
        part.update(f"rare {number} {i}" for i in range(100))
    found = counted(parts, 100).counts()
    assert sorted(found, key=lambda key: -found[key])[:2] == ["big", "second"]
