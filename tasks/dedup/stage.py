"""Drops duplicates: the same file, or the same image in another size or compression."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa

from tasks import schemas
from tasks.dedup.config import Config
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Progress, Shard
from tasks.engine.shards import map_shards
from tasks.engine.stage import stage


@dataclass(frozen=True)
class Signature:
    """What is compared of one image; see `hash_and_thumbnail`."""

    pair_id: str
    pixels: int
    digest: str
    hash_bits: Any
    thumbnail: Any


@dataclass(frozen=True)
class Duplicate:
    """Why an image is dropped, and the pair that is kept in its place."""

    reason: str
    keeper: str

    @property
    def detail(self) -> str:
        """The detail of the reject."""
        return f"same as {self.keeper}"


@stage(Config, version=1, reads={"images": {"images": schemas.IMAGES}})
def dedup(config: Config, output: Output, images: Artifact) -> None:
    """Keeps one of each set of equal or nearly equal images: the one served largest, then the smallest pair id."""
    uris = images.files("images")
    output.watch(Progress(0, len(uris), "shards hashed"))
    signatures = map_shards(signatures_of, uris, output.settings)
    shard_of = [shard for shard, found in enumerate(signatures) for _ in found]
    first_row = [sum(map(len, signatures[:shard])) for shard in range(len(signatures))]
    dropped: list[dict[int, Duplicate]] = [{} for _ in uris]
    for row, duplicate in find_duplicates(config, list(chain.from_iterable(signatures))).items():
        dropped[shard_of[row]][row - first_row[shard_of[row]]] = duplicate
    output.map(drop, list(zip(uris, dropped, strict=True)))


def signatures_of(uri: str) -> list[Signature]:
    """The signature of every image of a shard."""
    table = schemas.read_table(uri).select(["pair_id", "width", "height", "image"])
    return [_signature(row) for row in table.to_pylist()]


def _signature(row: dict[str, Any]) -> Signature:
    from tasks.dedup.near_duplicates import hash_and_thumbnail

    pixels, digest = row["width"] * row["height"], storage.sha256(row["image"])
    return Signature(row["pair_id"], pixels, digest, *hash_and_thumbnail(row["image"]))


def find_duplicates(config: Config, signatures: Sequence[Signature]) -> dict[int, Duplicate]:
    """The images to drop, by index in `signatures`. The same images are kept whatever the order of `signatures`."""
    ranked = sorted(range(len(signatures)), key=lambda row: (-signatures[row].pixels, signatures[row].pair_id, row))
    duplicates: dict[int, Duplicate] = {}
    keepers: dict[str, int] = {}
    for row in ranked:
        keeper = keepers.setdefault(signatures[row].digest, row)
        if keeper != row:
            duplicates[row] = Duplicate("exact_duplicate", signatures[keeper].pair_id)
    distinct = [row for row in ranked if row not in duplicates]
    for better, row in _similar(config, [signatures[row] for row in distinct]):
        # Pairs are in order of rank, so it is decided already whether the better one is itself kept.
        if distinct[better] not in duplicates and distinct[row] not in duplicates:
            duplicates[distinct[row]] = Duplicate("near_duplicate", signatures[distinct[better]].pair_id)
    return duplicates


def _similar(config: Config, signatures: Sequence[Signature]) -> list[tuple[int, int]]:
    """Pairs of similar images, each with the better ranked first, ordered by the worse one's rank."""
    if not signatures:
        return []
    import numpy as np

    from tasks.dedup.near_duplicates import pairs_within, same_colours

    hashes = np.stack([signature.hash_bits for signature in signatures])
    thumbnails = np.stack([signature.thumbnail for signature in signatures])
    pairs = same_colours(thumbnails, pairs_within(hashes, config.max_hash_distance), config.max_colour_difference)
    return sorted(((int(better), int(row)) for better, row in pairs), key=lambda pair: (pair[1], pair[0]))


def drop(item: tuple[str, dict[int, Duplicate]]) -> Shard:
    """One shard without its duplicates."""
    uri, duplicates = item
    table = schemas.read_table(uri)
    kept = [row for row in range(table.num_rows) if row not in duplicates]
    rejects = table.take(pa.array(sorted(duplicates), pa.int64()))
    for name in ("reason", "detail"):
        values = [getattr(duplicates[row], name) for row in sorted(duplicates)]
        rejects = rejects.append_column(name, pa.array(values, pa.string()))
    rejects = rejects.select(schemas.REJECTS.names).cast(schemas.REJECTS)
    return Shard(table.num_rows, {"images": table.take(pa.array(kept, pa.int64()))}, rejects)
