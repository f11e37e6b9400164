"""Hands the vectors of images on, and brings near ones together in cells."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.dedup import cells
from tasks.dedup.exchanges import Exchanges
from tasks.dedup.records import KEY_BYTES
from tasks.engine.exchange import Records, record_array


def hand_on_vectors(exchanges: Exchanges, signer: int, digests: Sequence[bytes], vectors: Sequence[Any]) -> None:
    """Hands on the vectors of files, of the length D each, which follow each other as the digests do."""
    keys = np.array(digests, f"S{KEY_BYTES}")
    joined = np.array(vectors, np.float32).reshape(len(keys), exchanges.dimension)
    found = record_array(exchanges.vectors.dtype, digest=keys, vector=joined)
    exchanges.vectors.write(signer, found, exchanges.by_key(keys))


def find_centres(exchanges: Exchanges, part: int) -> None:
    """Finds the centres of the cells from a part of the digests: a sample that does not depend on the shards."""
    found = cells.centres(cells.unit(vectors_of(exchanges, part)["vector"]), len(exchanges.cell_parts))
    exchanges.centres.write(0, record_array(exchanges.centres.dtype, centre=found))


def place_in_cells(exchanges: Exchanges, part: int) -> None:
    """Hands the vectors of a part of the digests to their cells."""
    vectors = vectors_of(exchanges, part)
    nearest = cells.nearest_cells(cells.unit(vectors["vector"]), exchanges.centres.read([0])["centre"])
    places, slots = np.nonzero(nearest != cells.NOWHERE)
    exchanges.celled.write(part, vectors[places], nearest[places, slots].astype(np.int64))


def vectors_of(exchanges: Exchanges, part: int) -> Records:
    """The vectors of a part of the digests: one of each file, in the order of the digests."""
    vectors = exchanges.vectors.read(exchanges.signers, part)
    return vectors[np.unique(vectors["digest"], return_index=True)[1]]
