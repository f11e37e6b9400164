"""The pictures of the examples: read where they stand, after the examples are chosen, and made small."""

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas


@dataclass(frozen=True)
class Wanted:
    """Pictures of some pairs in one shard."""

    uri: str
    pair_ids: frozenset[str]


@dataclass(frozen=True)
class SmallPicture:
    """A picture as PNG bytes, and what dedup compares of it: see `hash_and_thumbnail`."""

    png: bytes
    hash_bits: Any
    thumbnail: Any

    def distance(self, other: "SmallPicture") -> tuple[int, int]:
        """Bits of 255 in which the hashes differ, and the largest difference of the thumbnails, of 255."""
        import numpy as np

        colours = np.abs(self.thumbnail.astype(np.int16) - other.thumbnail)
        return int((self.hash_bits != other.hash_bits).sum()), int(colours.max())


Place = tuple[str, str]  # of a picture: the shard, and the pair


def wanted_of(places: Iterable[Place]) -> list[Wanted]:
    """The places shard by shard."""
    found: dict[str, set[str]] = defaultdict(set)
    for uri, pair_id in places:
        found[uri].add(pair_id)
    return [Wanted(uri, frozenset(pair_ids)) for uri, pair_ids in sorted(found.items())]


def read_pictures(side: int, parts: Sequence[Wanted]) -> dict[Place, SmallPicture]:
    """The wanted pictures that are there and can be decoded. Runs in a Dask worker.

    Reads the ids of a shard, and the pictures of those row groups alone that have a wanted one.
    """
    found: dict[Place, SmallPicture] = {}
    for part in parts:
        ids = pa.array(sorted(part.pair_ids), pa.string())
        with schemas.opened_shard(part.uri) as shard:
            if "image" not in shard.schema_arrow.names:
                continue
            for group in range(shard.num_row_groups):
                here = pc.is_in(shard.read_row_group(group, ["pair_id"])["pair_id"], ids)
                if not pc.any(here).as_py():
                    continue
                for row in shard.read_row_group(group, ["pair_id", "image"]).filter(here).to_pylist():
                    if (picture := small_picture(row["image"], side)) is not None:
                        found[part.uri, row["pair_id"]] = picture
    return found


def small_picture(encoded: bytes | None, side: int) -> SmallPicture | None:
    """A picture of at most `side` pixels; None where there is none that can be decoded: a reject may hold any bytes."""
    from PIL import Image

    from models.training.errors import DataError
    from models.training.images import decode
    from tasks.dedup.near_duplicates import hash_and_thumbnail

    if not encoded:
        return None
    try:
        picture = Image.fromarray(decode(encoded, at_least=side))
        signature = hash_and_thumbnail(encoded)
    except DataError:
        return None
    picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return SmallPicture(file.getvalue(), *signature)
