"""Exact search for the pairs of hashes that differ in few bits, without comparing every two of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Hashes = NDArray[np.uint8]
Rows = NDArray[np.int64]
Words = NDArray[np.uint64]

WORD_BYTES = 8
KEY_BITS = 32  # of a band, at most; where it has more, a few more are compared
COMPARED_AT_ONCE = 1 << 15  # pairs; more where one hash alone has more
FIRST_WINDOW = 4  # rows of a bucket that are compared first with all others in it
GROWTH = 4  # of the next window


@dataclass(frozen=True)
class Bands:
    """A cut of hashes of `bits` bits into bands, such that two hashes that differ in at most `max_distance` bits are
    equal in at least one (pigeonhole principle). `max_distance` is below `bits`.
    """

    bits: int
    max_distance: int

    @property
    def count(self) -> int:
        """Number of bands."""
        return self.max_distance + 1

    def keys(self, hashes: Hashes, band: int) -> NDArray[np.uint32]:
        """What hashes that are equal in the band have in common, [N].

        Args:
            hashes: as `packed` makes them; fastest if the first bytes of all lie together, then the second.
        """
        keys = np.zeros(len(hashes), np.uint32)
        positions = self._positions(band)
        for first in range(0, len(positions), 8):
            byte = np.zeros(len(hashes), np.uint8)
            for position in positions[first : first + 8]:
                byte <<= 1
                byte |= (hashes[:, position // 8] >> np.uint8(7 - position % 8)) & 1
            keys <<= 8
            keys |= byte
        return keys

    def mask(self, band: int) -> Words:
        """The bits of the key in the words of a hash, [W]."""
        bits = np.zeros(self.bits, bool)
        bits[self._positions(band)] = True
        return _words(packed(bits[None]))[:, 0]

    def _positions(self, band: int) -> Rows:
        # Every `count`-th bit, because the high frequencies of smooth images are alike: a band of them tells nothing.
        return np.arange(band, self.bits, self.count)[:KEY_BITS]


def packed(bits: Bits) -> Hashes:
    """Hashes of bits, bool [N, B], as bytes, [N, whole words of 8]."""
    found = np.packbits(bits, axis=1)
    return np.pad(found, ((0, 0), (0, -found.shape[1] % WORD_BYTES)))


class BandedSearch:
    """The pairs of hashes that differ in at most `max_distance` bits. None is missed: hashes with an equal band are
    compared. Memory grows with the number of hashes, time with that of pairs with an equal band.

    Args:
        hashes: as `packed` makes them.
        which: bands in which the pairs are equal that are looked for; all by default, so that none is missed.

    Attributes:
        comparisons: how many were made so far; a pair with several equal bands is compared as often.
    """

    def __init__(self, hashes: Hashes, bands: Bands, which: Sequence[int] | None = None) -> None:
        self.comparisons = 0
        self._bands = bands
        self._which = range(bands.count) if which is None else which
        self._hashes = np.asfortranarray(hashes)
        self._words = _words(hashes)

    def pairs(self, done: Bits | None = None, earlier: int | None = None) -> Iterator[tuple[Rows, Rows]]:
        """Each pair once, in pieces: the lower rows and the higher ones. A row meets the lowest of each band first.

        Args:
            done: bool [N], rows that are no more to be the higher one of a pair; the caller may add to them between
                two pieces. So if each row needs one other alone, copies are not all compared with each other.
            earlier: the lower one is among so many first rows; anywhere by default.
        """
        done = np.zeros(len(self._hashes), bool) if done is None else done
        earlier = len(self._hashes) if earlier is None else earlier
        before: list[Words] = []
        for band in self._which:
            members, begins = _buckets(self._bands.keys(self._hashes, band))
            words = self._words[:, members]  # so that what is compared lies together
            lower: Rows = np.cumsum(members < earlier) - (members < earlier)  # at all places before
            limits: Rows = lower - lower[begins]
            start, width = 0, FIRST_WINDOW
            places = np.flatnonzero(limits > start)
            while len(places):
                step = max(1, COMPARED_AT_ONCE // width)
                for piece in (places[place : place + step] for place in range(0, len(places), step)):
                    wanted = piece[~done[members[piece]]]
                    counts = np.minimum(limits[wanted] - start, width)
                    second = np.repeat(wanted, counts)
                    skip = begins[wanted] + start - (np.cumsum(counts) - counts)
                    first = np.repeat(skip, counts) + np.arange(len(second))
                    first, second = self._close(words, first, second, before)
                    if len(first):
                        yield members[first], members[second]
                start, width = start + width, width * GROWTH
                places = places[(limits[places] > start) & ~done[members[places]]]
            before.append(self._bands.mask(band))

    def _close(self, words: Words, first: Rows, second: Rows, before: Sequence[Words]) -> tuple[Rows, Rows]:
        """Those of the pairs of columns that are close, and did not come before with another equal band."""
        self.comparisons += len(first)
        differing = np.zeros(len(first), np.uint16)
        for word in words:  # most pairs are too far apart after the first
            differing += np.bitwise_count(word[first] ^ word[second])
            close = np.flatnonzero(differing <= self._bands.max_distance)
            first, second, differing = first[close], second[close], differing[close]
        if len(first):
            bits = words[:, first] ^ words[:, second]
            new = np.ones(len(first), bool)
            for mask in before:
                new &= (bits & mask[:, None]).any(axis=0)
            first, second = first[new], second[new]
        return first, second


def _words(hashes: Hashes) -> Words:
    """The hashes in words of 64 bits, [W, N]."""
    return np.ascontiguousarray(hashes).view("<u8").T.copy()


def _buckets(keys: NDArray[np.uint32]) -> tuple[Rows, Rows]:
    """Rows that share their key with others, key by key and ascending, [M]; and the place where their key begins."""
    order = np.arange(len(keys))
    for shift in range(0, KEY_BITS, 16):  # numpy sorts 16 bits by radix, in linear time
        half = (keys >> shift).astype(np.uint16)
        if half.any():
            order = order[np.argsort(half[order], kind="stable")]
    key = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    sizes = np.diff(np.append(starts, len(key)))
    shared = sizes > 1
    sizes_shared = sizes[shared]
    return order[np.repeat(shared, sizes)], np.repeat(np.cumsum(sizes_shared) - sizes_shared, sizes_shared)
