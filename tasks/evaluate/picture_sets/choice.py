"""Which pictures of a set are looked at: by hash, the same ones whatever the order of shards, and at most so many."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.shards import map_shards
from tasks.settings import Settings

# A picture may stand in several pairs, one for each of its captions, so more rows are taken than pictures are wanted.
SPARE = 8


@dataclass(frozen=True)
class Chosen:
    """A picture by its place: a shard and a row in it. Of a real picture its pair, of a sample its prompt and number.

    Attributes:
        pair_id: of a sample the pair whose caption it was drawn for; None for prompts of no pair.
        group: of a sample the prompt's: fixed, train or val; else empty.
    """

    uri: str
    row: int
    pair_id: str | None
    group: str = ""
    prompt_id: int = -1
    index: int = 0


def choose_pictures(
    pairs: Artifact, split: str, at_most: int, wanted: frozenset[str], settings: Settings
) -> list[Chosen]:
    """Different pictures of a split, ordered by hash; those of the wanted pairs are among them before any other.

    Memory holds what is wanted and about `SPARE` times `at_most` rows.
    """
    rows = sum(record.rows or 0 for record in pairs.manifest().outputs if record.path.startswith(f"{split}-"))
    share = min(1.0, SPARE * at_most / max(rows, 1))
    parts = map_shards(partial(_some_of_shard, share, wanted), pairs.files(split), settings)
    found = sorted(
        ((one.pair_id not in wanted, digest, one.pair_id, one) for part in parts for digest, one in part),
        key=lambda each: each[:3],
    )
    first: dict[str, Chosen] = {}  # of each picture
    for _, digest, _, one in found:
        first.setdefault(digest, one)
    return list(first.values())[:at_most]


def _some_of_shard(share: float, wanted: frozenset[str], uri: str) -> list[tuple[str, Chosen]]:
    """A share of a shard's rows by the digest of the picture, and those that are wanted. Runs in a Dask worker."""
    table = schemas.read_table(uri, ["pair_id", "original_sha256"]).to_pydict()
    return [
        (digest, Chosen(uri, row, pair_id))
        for row, (pair_id, digest) in enumerate(zip(table["pair_id"], table["original_sha256"], strict=True))
        if int(digest[:8], 16) < share * 2**32 or pair_id in wanted
    ]


def choose_samples(uris: Sequence[str], at_most: int) -> list[Chosen]:
    """Samples of all prompts: those drawn first, then the second ones, and so on; held-out captions before others."""
    found = []
    for uri in uris:
        table = schemas.read_table(uri, ["pair_id", "group", "prompt_id", "index"]).to_pydict()
        found += [Chosen(uri, row, *values) for row, values in enumerate(zip(*table.values(), strict=True))]
    found.sort(key=lambda one: (one.index, one.group != "val", one.prompt_id))
    return found[:at_most]


def parts_by_shard(uris: Sequence[str], most: int) -> list[list[int]]:
    """The places of pictures in parts of at most so many, each of one shard, so that workers share what lies in it.

    Args:
        uris: of each picture its shard.
    """
    by_shard: dict[str, list[int]] = defaultdict(list)
    for place, uri in enumerate(uris):
        by_shard[uri].append(place)
    return [own[start : start + most] for own in by_shard.values() for start in range(0, len(own), most)]


def in_places(parts: Sequence[Sequence[int]], vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The vectors of each part, [n, D] each, as one array in the order of the places."""
    ordered: NDArray[np.float32] = np.concatenate(vectors)[np.argsort(np.concatenate(parts), kind="stable")]
    return ordered
