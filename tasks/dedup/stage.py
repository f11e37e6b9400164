"""Drops images that are there already: the same file, or the same picture in another size or compression."""

from collections.abc import Sequence
from dataclasses import dataclass
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
class Look:
    """What is compared of one image."""

    pair_id: str
    pixels: int
    digest: str
    hash_bits: Any
    thumbnail: Any


@dataclass(frozen=True)
class Duplicate:
    """Why an image is dropped, and the pair that stands for it."""

    reason: str
    keeper: str

    @property
    def detail(self) -> str:
        return f"same as {self.keeper}"


@stage(Config, version=1, reads={"images": {"images": schemas.IMAGES}})
def dedup(config: Config, output: Output, images: Artifact) -> None:
    """Keeps one of each set of equal or nearly equal images: the one served largest, then the smallest pair id."""
    uris = images.files("images")
    output.watch(Progress(0, len(uris), "shards hashed"))
    looks = map_shards(looks_of, uris, output.settings)
    shard_of = [shard for shard, found in enumerate(looks) for _ in found]
    first_row = [sum(map(len, looks[:shard])) for shard in range(len(looks))]
    dropped: list[dict[int, Duplicate]] = [{} for _ in uris]
    for row, duplicate in find_duplicates(config, [look for found in looks for look in found]).items():
        dropped[shard_of[row]][row - first_row[shard_of[row]]] = duplicate
    output.map(drop, list(zip(uris, dropped, strict=True)))


def looks_of(uri: str) -> list[Look]:
    """The look of every image of a shard."""
    from tasks.dedup.near_duplicates import look

    table = schemas.read_table(uri).select(["pair_id", "width", "height", "image"])
    return [
        Look(row["pair_id"], row["width"] * row["height"], storage.sha256(row["image"]), *look(row["image"]))
        for row in table.to_pylist()
    ]


def find_duplicates(config: Config, looks: Sequence[Look]) -> dict[int, Duplicate]:
    """The images to drop, by their place in `looks`. Whatever the order of `looks`, the same images are kept."""
    ranked = sorted(range(len(looks)), key=lambda row: (-looks[row].pixels, looks[row].pair_id, row))
    duplicates: dict[int, Duplicate] = {}
    keepers: dict[str, int] = {}
    for row in ranked:
        keeper = keepers.setdefault(looks[row].digest, row)
        if keeper != row:
            duplicates[row] = Duplicate("exact_duplicate", looks[keeper].pair_id)
    distinct = [row for row in ranked if row not in duplicates]
    for better, row in _similar(config, [looks[row] for row in distinct]):
        # Pairs come in order of rank, so it is settled by now whether the better one is itself kept.
        if distinct[better] not in duplicates and distinct[row] not in duplicates:
            duplicates[distinct[row]] = Duplicate("near_duplicate", looks[distinct[better]].pair_id)
    return duplicates


def _similar(config: Config, looks: Sequence[Look]) -> list[tuple[int, int]]:
    """Pairs of similar images, each with the better ranked first, ordered by the worse one's rank."""
    if not looks:
        return []
    import numpy as np

    from tasks.dedup.near_duplicates import pairs_within, same_colours

    pairs = pairs_within(np.stack([look.hash_bits for look in looks]), config.max_hash_distance)
    pairs = same_colours(np.stack([look.thumbnail for look in looks]), pairs, config.max_colour_difference)
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
