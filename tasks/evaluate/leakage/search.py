"""Looks for judged pictures among training pictures, shard by shard."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks import schemas
from tasks.dedup.banded_search import BandedSearch
from tasks.dedup.signatures import key
from tasks.evaluate.leakage.copies import BANDS, OF_JUDGED, OF_TRAINING, WHOLE, Kind, Looks, kinds, views_of

ROWS_AT_ONCE = 64
PICTURES_AT_ONCE = 4096  # of a shard, with some 5 kB each
PAIRS_AT_ONCE = 1 << 12  # of views whose thumbnails are compared


@dataclass(frozen=True)
class Sought:
    """What is looked for: pictures by the digests of their files and by their views, and captions by their digests.

    About 6 kB a picture; every worker holds them all, and a part of the training set.
    """

    digests: tuple[bytes, ...]
    looks: Looks
    captions: frozenset[bytes] = frozenset()


@dataclass(frozen=True, order=True)
class Match:
    """The training picture that a target is nearest to: how, in how many bits of the hash, and where it is."""

    kind: Kind
    bits: int
    pair_id: str
    uri: str


@dataclass
class Found:
    """What was found of the targets: the best match of each by its number, and captions."""

    matches: dict[int, Match] = field(default_factory=dict)
    captions: set[bytes] = field(default_factory=set)

    def add(self, other: "Found") -> None:
        for target, match in other.matches.items():
            self.matches[target] = min(match, self.matches.get(target, match))
        self.captions |= other.captions


def caption_key(caption: str) -> bytes:
    """Digest of a caption whose case and white space do not count."""
    return key(" ".join(caption.lower().split()).encode())


def search_shard(targets: Sought, uri: str) -> Found:
    """Everything that one training shard has of the targets. Runs in a Dask worker.

    A picture with several captions is decoded once.
    """
    found = Found()
    for pictures in _pictures(uri, found.captions, targets.captions):
        found.add(_search(targets, pictures, uri))
    return found


def _pictures(uri: str, seen: set[bytes], captions: frozenset[bytes]) -> Iterator[dict[bytes, tuple[str, Looks]]]:
    """The pictures of a shard by the digests of their files, with their first pair, some at a time."""
    pictures: dict[bytes, tuple[str, Looks]] = {}
    for batch in schemas.read_batches(uri, ["pair_id", "caption", "image"], ROWS_AT_ONCE):
        for row in batch.to_pylist():
            if (said := caption_key(row["caption"])) in captions:
                seen.add(said)
            if (digest := key(row["image"])) not in pictures:
                pictures[digest] = row["pair_id"], views_of(row["image"], OF_TRAINING)
        if len(pictures) >= PICTURES_AT_ONCE:
            yield pictures
            pictures = {}
    if pictures:
        yield pictures


def _search(targets: Sought, pictures: dict[bytes, tuple[str, Looks]], uri: str) -> Found:
    found = Found()
    ids = [pair_id for pair_id, _ in pictures.values()]
    places = {digest: place for place, digest in enumerate(pictures)}
    for target, digest in enumerate(targets.digests):
        if digest in places:
            found.matches[target] = Match(Kind.SAME_FILE, 0, ids[places[digest]], uri)
    training = Looks.of([views for _, views in pictures.values()], OF_TRAINING)
    for target, match in _alike(targets.looks, training, ids, uri):
        found.matches[target] = min(match, found.matches.get(target, match))
    return found


def _alike(judged: Looks, training: Looks, ids: Sequence[str], uri: str) -> Iterable[tuple[int, Match]]:
    """Pairs that look alike: a target, and its match."""
    ours = len(judged) * OF_JUDGED
    hashes = np.concatenate([looks.hashes.reshape(-1, looks.hashes.shape[-1]) for looks in (judged, training)])
    search = BandedSearch(hashes, BANDS)
    for lower, higher in search.pairs(done=np.arange(len(hashes)) < ours, earlier=ours):
        one_is_whole = (lower % OF_JUDGED == WHOLE) | ((higher - ours) % OF_TRAINING == WHOLE)
        lower, higher = lower[one_is_whole], higher[one_is_whole]
        for start in range(0, len(lower), PAIRS_AT_ONCE):
            first, second = lower[start : start + PAIRS_AT_ONCE], higher[start : start + PAIRS_AT_ONCE] - ours
            kind, bits = kinds(judged, training, first, second)
            for place in np.flatnonzero(kind >= 0).tolist():
                pair_id = ids[int(second[place]) // OF_TRAINING]
                yield int(first[place]) // OF_JUDGED, Match(Kind(int(kind[place])), int(bits[place]), pair_id, uri)
