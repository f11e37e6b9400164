"""Exact search for the pairs of hashes that differ in few bits, without comparing every two of them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Rows = NDArray[np.int64]

KEY_BITS = 32  # of a band, at most; where it has more, a few more are compared
COMPARED_AT_ONCE = 1 << 15  # pairs; more where one hash alone has more
PLACES_AT_ONCE = 1 << 12


class BandedSearch:
    """The pairs of hashes that differ in at most `max_distance` bits.

    None is missed: if hashes are cut into `max_distance + 1` bands, two such hashes are equal in at least one band
    (pigeonhole principle), so only hashes with an equal band are compared. Time and memory grow with their number.

    Args:
        hashes: bool [N, B].
        max_distance: below B.

    Attributes:
        comparisons: how many were made so far; a pair with several equal bands is compared as often.
    """

    def __init__(self, hashes: Bits, max_distance: int) -> None:
        self.comparisons = 0
        self._max_distance = max_distance
        self._count = len(hashes)
        self._words = _words(hashes)
        count = max_distance + 1
        # Every `count`-th bit, because the high frequencies of smooth images are alike: a band of them tells nothing.
        buckets = [_buckets(hashes[:, start::count]) for start in range(count)]
        sizes = np.concatenate([sizes for _, sizes in buckets])
        self._members = np.concatenate([members for members, _ in buckets])
        self._stops = np.repeat(np.cumsum(sizes), sizes)  # of the bucket at each place of `_members`
        self._places = _by_row([members for members, _ in buckets], len(hashes))

    def pairs(self, skipped: Bits | None = None) -> Iterator[tuple[Rows, Rows]]:
        """The pairs in pieces: their lower rows, in ascending order in all, and their higher ones.

        A pair may come again in the next piece.

        Args:
            skipped: bool [N], rows that no pair has; the caller may skip more of them between two pieces.
        """
        if skipped is None:
            skipped = np.zeros(self._count, bool)
        start = 0
        while start < len(self._places):
            places = self._places[start : start + PLACES_AT_ONCE]
            wanted = np.flatnonzero(~skipped[self._members[places]])
            places = places[wanted]
            later = self._stops[places] - places - 1
            fit = max(1, int(np.searchsorted(np.cumsum(later), COMPARED_AT_ONCE, "right")))
            start += int(wanted[fit]) if fit < len(places) else PLACES_AT_ONCE
            first, second = self._close(places[:fit], later[:fit], skipped)
            if len(first):
                yield first, second

    def _close(self, places: Rows, later: Rows, skipped: Bits) -> tuple[Rows, Rows]:
        """The pairs of the row at each place with as many that follow it in its bucket."""
        first = np.repeat(self._members[places], later)
        begin = places + 1 - (np.cumsum(later) - later)
        second = self._members[np.repeat(begin, later) + np.arange(len(first))]
        self.comparisons += len(first)
        differing = np.zeros(len(first), np.uint16)
        for word in self._words:  # most pairs are too far apart after the first
            differing += np.bitwise_count(word[first] ^ word[second])
            close = np.flatnonzero(differing <= self._max_distance)
            first, second, differing = first[close], second[close], differing[close]
        wanted = ~skipped[second]
        first, second = first[wanted], second[wanted]
        once = np.unique(first * self._count + second)
        return once // self._count, once % self._count


def _words(hashes: Bits) -> NDArray[np.uint64]:
    """The bits of the hashes, 64 in a word, [W, N]."""
    packed = np.packbits(hashes, axis=1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64).T.copy()


def _buckets(band: Bits) -> tuple[Rows, Rows]:
    """Rows that are equal in the band, bucket by bucket, each in ascending order; and the sizes, of 2 and more."""
    bits = np.zeros((len(band), KEY_BITS), bool)
    bits[:, : band.shape[1]] = band[:, :KEY_BITS]
    packed = np.packbits(bits)
    order = np.arange(len(band))
    for half in packed.view(np.uint16).reshape(-1, KEY_BITS // 16).T:  # numpy sorts 16 bits by radix, in linear time
        order = order[np.argsort(half[order], kind="stable")]
    key = packed.view(np.uint32)[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    sizes = np.diff(np.append(starts, len(key)))
    shared = sizes > 1
    return order[np.repeat(shared, sizes)], sizes[shared]


def _by_row(members: list[Rows], count: int) -> Rows:
    """The places in all members, one band after the other, by row."""
    places = np.full((count, len(members)), -1)
    start = 0
    for band, rows in enumerate(members):
        places[rows, band] = np.arange(start, start + len(rows))
        start += len(rows)
    return places[places >= 0]
