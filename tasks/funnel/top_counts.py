"""Counts of what is most frequent, in memory that does not grow with the number of different things."""

from collections import Counter
from collections.abc import Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")


class TopCounts(Generic[Key]):
    """How often each key was seen; the rarest are forgotten where there are more than `capacity`.

    Misra and Gries (Finding repeated elements, 1982); merged as Agarwal et al. (Mergeable summaries, 2012) do. Exact
    until a key is forgotten.

    Attributes:
        missed: a count is too low by at most this, which is at most the number of all rows over `capacity` + 1.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.missed = 0
        self._counts: Counter[Key] = Counter()

    def add(self, counts: Mapping[Key, int]) -> None:
        """Adds so many of each key."""
        self._counts.update(counts)
        self._forget_rarest()

    def merge(self, other: "TopCounts[Key]") -> None:
        """Adds what another one counted, with what it missed."""
        self.missed += other.missed
        self.add(other._counts)

    def counts(self) -> dict[Key, int]:
        """All that is remembered."""
        return dict(self._counts)

    def _forget_rarest(self) -> None:
        if len(self._counts) <= self.capacity:
            return
        least = sorted(self._counts.values(), reverse=True)[self.capacity]
        self.missed += least
        self._counts = Counter({key: count - least for key, count in self._counts.items() if count > least})
