"""Which pictures of the corpus drawn and rebuilt ones are nearest to: found by the workers, and kept for them.

The answers go through files beside the artifact, one for each shard of pictures, so that no process holds those of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine import storage
from tasks.engine.row_groups import table_bytes
from tasks.engine.shards import batches, map_shards
from tasks.evaluate.nearest import VALUES, Nearest, either, nearest_in, thumbnails, tuples
from tasks.settings import Settings

SHARDS_AT_ONCE = 16  # of pictures, in a worker, for one pass over the corpus

_COLUMNS = {"squared": pa.int64(), "pair_ids": pa.string(), "captions": pa.list_(pa.string())}


@dataclass(frozen=True)
class LookedUp:
    """The pictures of a shard, small, with the nearest training picture and the nearest of all pictures of the corpus.

    Attributes:
        thumbnails: uint8 [n, 768].
    """

    thumbnails: NDArray[np.uint8]
    among_train: Nearest
    among_all: Nearest

    def write(self, uri: str) -> None:
        """As one Parquet file."""
        columns = {"image": pa.array([each.tobytes() for each in self.thumbnails], pa.binary(VALUES))}
        for kind in ("train", "all"):
            nearest: Nearest = getattr(self, f"among_{kind}")
            for name, type_ in _COLUMNS.items():
                columns[f"{kind}_{name}"] = pa.array(getattr(nearest, name).tolist(), type_)
        storage.write_bytes(uri, table_bytes(pa.table(columns)))

    @classmethod
    def read(cls, uri: str) -> Self:
        """What `write` wrote."""
        table = schemas.read_table(uri)
        images = np.frombuffer(b"".join(table["image"].to_pylist()), np.uint8).reshape(-1, VALUES)
        return cls(images, *(_nearest(table, kind) for kind in ("train", "all")))


def _nearest(table: pa.Table, kind: str) -> Nearest:
    squared, pair_ids, captions = (table[f"{kind}_{name}"] for name in _COLUMNS)
    return Nearest(squared.to_numpy(), np.array(pair_ids.to_pylist(), str), tuples(captions))


@dataclass(frozen=True)
class SmallCorpus:
    """Shards of `nearest.THUMBNAILS`."""

    train: Sequence[str]
    val: Sequence[str]


def look_up(corpus: SmallCorpus, column: str, uris: Sequence[str], folder: str, settings: Settings) -> list[str]:
    """Writes the likeness of each of these shards of pictures, and returns the URLs of the files.

    Args:
        column: of the encoded pictures.
        folder: where the files go, named after the shards. What is there already is not made again.
    """
    targets = [f"{folder}/{uri.rsplit('/', 1)[-1]}" for uri in uris]
    work = batches(list(zip(uris, targets, strict=True)), -(-len(uris) // SHARDS_AT_ONCE) or 1)
    map_shards(partial(look_up_shards, corpus, column), work, settings)
    return targets


def look_up_shards(corpus: SmallCorpus, column: str, shards: Sequence[tuple[str, str]]) -> None:
    """Some shards of pictures, each with the URL of its file, in one pass over the corpus. Runs in a Dask worker."""
    missing = [(uri, target) for uri, target in shards if not storage.exists(target)]
    if not missing:
        return
    own = [thumbnails(schemas.read_table(uri, [column])[column].to_pylist()) for uri, _ in missing]
    queries = np.concatenate(own)
    among_train = nearest_in(corpus.train, queries)
    among_all = either(among_train, nearest_in(corpus.val, queries))
    assert among_train is not None  # pack does not finish without a training shard
    assert among_all is not None
    start = 0
    for small, (_, target) in zip(own, missing, strict=True):
        stop = start + len(small)
        LookedUp(small, among_train.part(start, stop), among_all.part(start, stop)).write(target)
        start = stop
