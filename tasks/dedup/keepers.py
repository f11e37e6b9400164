"""Finds which image is kept of those that look alike, in parts that each hold some of them.

Rule: in order of rank, an image is kept unless it looks like one that is kept. This is the lexicographically first
maximal independent set of the graph of likeness, and is found in rounds (Blelloch, Fineman, Shun, "Greedy Sequential
Maximal Independent Set and Matching are Parallel on Average", SPAA 2012): what looks like none of lower rank that may
yet be kept is kept, and what looks like a kept one is dropped. Two images that look alike meet in a part, since their
hashes are equal in a band, or else, but for a few, their vectors are in a cell. Every part of a round finds the same
states for what it shares with others, because what a part finds about an image goes to all parts that may hold the
image. There are few rounds, but as many as links in a chain in which each looks like the next lower one in rank alone.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.dedup.banded_search import BandedSearch, Bits, Hashes, Rows
from tasks.dedup.cells import CosineSearch, unit
from tasks.dedup.config import Config
from tasks.dedup.exchanges import Exchanges
from tasks.dedup.images import RANK_FIELDS, by_rank
from tasks.dedup.records import EVALUATION, FINDING, KEEPER, MARK, STATE
from tasks.engine.exchange import Records, record_array

THUMBNAILS_AT_ONCE = 1 << 10


class Standing(IntEnum):
    """What is known of an image."""

    UNDECIDED = 0
    KEPT = 1
    DROPPED = 2


class Likeness(IntEnum):
    """What an undecided image looks like in one part; the highest of all parts counts."""

    NONE_BEFORE = 0
    UNDECIDED_BEFORE = 1
    KEPT_BEFORE = 2


def mark(exchanges: Exchanges, min_cosine: float | None, part: int) -> int:
    """Names the files in a part of the hashes or vectors that are close to another one in it.

    Returns the comparisons made. Only these need thumbnails or vectors to be compared, so only theirs are handed on.

    Args:
        min_cosine: of vectors that are close; of no matter where there are none.
    """
    if part in exchanges.cell_parts:
        assert min_cosine is not None
        files = exchanges.celled.read(exchanges.key_parts, part - exchanges.cell_parts.start)
        search = CosineSearch(unit(files["vector"]), min_cosine)
        marked, comparisons = search.close_to_any(), search.comparisons
    else:
        files = exchanges.hashes.read(exchanges.signers, part)
        files = files[np.unique(files["digest"], return_index=True)[1]]
        marked, comparisons = _close_to_any(files["hash"], exchanges, part)
    digests = files["digest"][marked]
    exchanges.marks.write(part, record_array(MARK, digest=digests, part=part), exchanges.by_key(digests))
    return comparisons


def _close_to_any(hashes: Hashes, exchanges: Exchanges, part: int) -> tuple[Bits, int]:
    """Which hashes have another one close to them, bool [N], and the number of comparisons."""
    marked = np.zeros(len(hashes), bool)
    search = BandedSearch(hashes, exchanges.bands, exchanges.bands_of(part))
    for first, second in search.pairs(done=marked):
        marked[first] = marked[second] = True
    # Missing are those that are close to later ones alone, which were marked before these two met.
    order = np.argsort(~marked, kind="stable")
    marks = int(marked.sum())
    again = BandedSearch(hashes[order], exchanges.bands, exchanges.bands_of(part))
    late = marked[order]
    for _, second in again.pairs(done=late, earlier=marks):
        late[second] = True
    marked[order] = late
    return marked, search.comparisons + again.comparisons


def settle(
    exchanges: Exchanges, config: Config, round_number: int, before: Sequence[int], part: int
) -> tuple[bool, int]:
    """One round in a part of the hashes or vectors. Where all is decided, it hands on the keepers of what is dropped.

    Args:
        before: parts that were not decided in the round before.

    Returns:
        Whether all in this part is decided, and the comparisons made.
    """
    suspects = exchanges.suspects_of(part)
    state = _state(exchanges, suspects, round_number, before, part)
    ranked = by_rank(suspects)
    kept, undecided = (ranked[state[ranked] == wanted] for wanted in (Standing.KEPT, Standing.UNDECIDED))
    if len(undecided):
        look = _look(exchanges, config, suspects, np.concatenate([kept, undecided]), part)
        finding = _findings(look, len(kept))
        like = finding != Likeness.NONE_BEFORE
        found = record_array(FINDING, row=suspects["row"][undecided[like]], finding=finding[like])
        places, parts = exchanges.by_likeness(suspects[undecided[like]])
        exchanges.findings(round_number).write(part, found[places], parts)
        exchanges.states(round_number).write(part, record_array(STATE, state=state))
    else:
        dropped = np.flatnonzero(state == Standing.DROPPED)
        look = _look(exchanges, config, suspects, np.concatenate([kept, dropped]), part)
        keeper = _first_kept(look, len(kept))
        met = np.flatnonzero(keeper < len(kept))
        digests = suspects["digest"][dropped[met]]
        ranks = {name: suspects[name][kept[keeper[met]]] for name in RANK_FIELDS}
        ranks |= {"cosine": look.cosines(keeper[met], len(kept) + met)}
        exchanges.keepers.write(part, record_array(KEEPER, digest=digests, **ranks), exchanges.by_key(digests))
    return not len(undecided), look.comparisons


def _state(
    exchanges: Exchanges, suspects: Records, round_number: int, before: Sequence[int], part: int
) -> NDArray[np.uint8]:
    """What is known of each suspect at the start of a round, [N]."""
    if round_number == 0:
        return np.where(suspects["order"] == EVALUATION, Standing.KEPT, Standing.UNDECIDED).astype(np.uint8)
    state = exchanges.states(round_number - 1).read([part])["state"].copy()
    findings = exchanges.findings(round_number - 1).read(before, part)
    by_row = np.argsort(suspects["row"])
    rows = suspects["row"][by_row]
    place = np.minimum(np.searchsorted(rows, findings["row"]), len(rows) - 1)
    here = rows[place] == findings["row"]  # others are in this part by their hash alone
    highest = np.full(len(suspects), Likeness.NONE_BEFORE, np.uint8)
    np.maximum.at(highest, by_row[place[here]], findings["finding"][here])
    undecided = state == Standing.UNDECIDED
    state[undecided & (highest == Likeness.NONE_BEFORE)] = Standing.KEPT
    state[undecided & (highest == Likeness.KEPT_BEFORE)] = Standing.DROPPED
    return state


def _look(exchanges: Exchanges, config: Config, suspects: Records, places: Rows, part: int) -> "_Look":
    """Search among the suspects at some places, which are its rows in this order."""
    if part in exchanges.cell_parts:
        assert config.min_cosine is not None
        return _LookByVector(suspects["vector"][places], config.min_cosine)
    search = BandedSearch(suspects["hash"][places], exchanges.bands, exchanges.bands_of(part))
    return _LookByHash(search, suspects["thumbnail"], places, config.max_colour_difference)


def _findings(look: "_Look", kept: int) -> NDArray[np.uint8]:
    """What each undecided image looks like; before these stand so many kept ones."""
    found = np.full(look.count, Likeness.NONE_BEFORE, np.uint8)
    done = np.arange(look.count) < kept
    # First all kept ones: who looks like one must not wait for an undecided one that is found in another band.
    for earlier, finding in ((kept, Likeness.KEPT_BEFORE), (None, Likeness.UNDECIDED_BEFORE)):
        for _, second in look.alike(done, earlier):
            found[second] = finding
            done[second] = True
    return found[kept:]


def _first_kept(look: "_Look", kept: int) -> Rows:
    """The first of so many kept ones that each dropped image, which stand behind them, looks like; else `kept`."""
    found = np.full(look.count, kept)
    for first, second in look.alike(done=np.arange(look.count) < kept, earlier=kept):
        np.minimum.at(found, second, first)
    return found[kept:]


class _Look(Protocol):
    """Search for suspects that look alike in one part."""

    count: int

    @property
    def comparisons(self) -> int: ...

    def alike(self, done: Bits, earlier: int | None = None) -> Iterator[tuple[Rows, Rows]]:
        """As `BandedSearch.pairs`."""

    def cosines(self, first: Rows, second: Rows) -> NDArray[np.float32]:
        """Of pairs that look alike, [N]."""


class _LookByHash:
    """Hashes are close, and so are thumbnails."""

    def __init__(self, search: BandedSearch, thumbnails: NDArray[np.uint8], places: Rows, max_difference: int) -> None:
        self.count = len(places)
        self._search = search
        self._thumbnails = thumbnails
        self._places = places
        self._max_difference = max_difference

    @property
    def comparisons(self) -> int:
        return self._search.comparisons

    def alike(self, done: Bits, earlier: int | None = None) -> Iterator[tuple[Rows, Rows]]:
        for first, second in self._search.pairs(done, earlier):
            alike = np.zeros(len(first), bool)
            for start in range(0, len(first), THUMBNAILS_AT_ONCE):
                some = slice(start, start + THUMBNAILS_AT_ONCE)
                one, other = (self._thumbnails[self._places[rows[some]]] for rows in (first, second))
                difference = np.maximum(one, other) - np.minimum(one, other)
                alike[some] = difference.max(axis=(1, 2, 3), initial=0) <= self._max_difference
            if alike.any():
                yield first[alike], second[alike]

    def cosines(self, first: Rows, second: Rows) -> NDArray[np.float32]:
        return np.full(len(first), np.nan, np.float32)  # of no matter


class _LookByVector:
    """The cosine of vectors reaches a limit."""

    def __init__(self, vectors: NDArray[np.float16], min_cosine: float) -> None:
        self.count = len(vectors)
        self._vectors = unit(vectors)
        self._search = CosineSearch(self._vectors, min_cosine)
        self.alike = self._search.pairs

    @property
    def comparisons(self) -> int:
        return self._search.comparisons

    def cosines(self, first: Rows, second: Rows) -> NDArray[np.float32]:
        return np.asarray((self._vectors[first] * self._vectors[second]).sum(axis=1), np.float32)
