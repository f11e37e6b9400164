"""Drops duplicates: the same file at another address, or the same image in another size or compression."""

from collections import defaultdict
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

COMPARED = ["pair_id", "url", "caption", "width", "height", "image"]
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Signature:
    """What is compared of one row and its image; see `hash_and_thumbnail`."""

    pair_id: str
    url: str
    caption: str
    pixels: int
    digest: str
    hash_bits: Any
    thumbnail: Any


@dataclass(frozen=True)
class Duplicate:
    """Why a row is dropped."""

    reason: str
    detail: str


@stage(Config, version=2, reads={"images": {"images": schemas.IMAGES}})
def dedup(config: Config, output: Output, images: Artifact) -> None:
    """Keeps one of each set of equal or nearly equal images: the one served largest, then the smallest pair id.

    An image is a file at an address. Its captions, a row each, stay together, up to `max_captions`; the rows of a
    duplicate are all dropped, with their captions.

    Metrics: how many pairs of images were compared.
    """
    uris = images.files("images")
    output.watch(Progress(0, len(uris), "shards hashed"))
    signatures = map_shards(signatures_of, uris, output.settings)
    shard_of = [shard for shard, found in enumerate(signatures) for _ in found]
    first_row = [sum(map(len, signatures[:shard])) for shard in range(len(signatures))]
    dropped: list[dict[int, Duplicate]] = [{} for _ in uris]
    duplicates, output.metrics["comparisons"] = find_duplicates(config, list(chain.from_iterable(signatures)))
    for row, duplicate in duplicates.items():
        dropped[shard_of[row]][row - first_row[shard_of[row]]] = duplicate
    output.map(drop, list(zip(uris, dropped, strict=True)))


def signatures_of(uri: str) -> list[Signature]:
    """The signature of every row of a shard; an image with several captions is decoded once."""
    from tasks.dedup.near_duplicates import hash_and_thumbnail

    found: list[Signature] = []
    known: dict[str, tuple[Any, Any]] = {}
    for batch in schemas.read_batches(uri, COMPARED, ROWS_AT_ONCE):
        for row in batch.to_pylist():
            digest = storage.sha256(row["image"])
            if digest not in known:
                known[digest] = hash_and_thumbnail(row["image"])
            pixels = row["width"] * row["height"]
            found.append(Signature(row["pair_id"], row["url"], row["caption"], pixels, digest, *known[digest]))
    return found


def find_duplicates(config: Config, signatures: Sequence[Signature]) -> tuple[dict[int, Duplicate], int]:
    """The rows to drop, by index in `signatures`, and the number of pairs of images that were compared.

    The same rows are kept whatever the order of `signatures`.
    """
    ranked = sorted(range(len(signatures)), key=lambda row: (-signatures[row].pixels, signatures[row].pair_id, row))
    images: dict[tuple[str, str], list[int]] = defaultdict(list)  # rows of each image, both in order of rank
    for row in ranked:
        images[signatures[row].url, signatures[row].digest].append(row)
    equal: dict[str, list[list[int]]] = defaultdict(list)  # images of the same bytes, the first of which may be kept
    for (_, digest), rows in images.items():
        equal[digest].append(rows)
    distinct = [same[0] for same in equal.values()]
    keepers, compared = _keepers(config, [signatures[rows[0]] for rows in distinct])
    duplicates: dict[int, Duplicate] = {}
    for place, (same, keeper) in enumerate(zip(equal.values(), keepers, strict=True)):
        detail = f"same as {signatures[distinct[keeper][0]].pair_id}"
        duplicates |= {row: Duplicate("exact_duplicate", detail) for rows in same[1:] for row in rows}
        if keeper != place:
            duplicates |= {row: Duplicate("near_duplicate", detail) for row in same[0]}
        else:
            duplicates |= _surplus_captions(config, signatures, same[0])
    return duplicates, compared


def _keepers(config: Config, signatures: Sequence[Signature]) -> tuple[Sequence[int], int]:
    """For each image, in order of rank, the place of the one that is kept for it, and the number of comparisons."""
    if not signatures:
        return [], 0
    import numpy as np

    from tasks.dedup.near_duplicates import kept_alike

    hashes = np.stack([signature.hash_bits for signature in signatures])
    thumbnails = np.stack([signature.thumbnail for signature in signatures])
    keepers, compared = kept_alike(hashes, thumbnails, config.max_hash_distance, config.max_colour_difference)
    return keepers.tolist(), compared


def _surplus_captions(config: Config, signatures: Sequence[Signature], rows: Sequence[int]) -> dict[int, Duplicate]:
    """Of the rows of one image, those that repeat a caption, and those beyond the number of captions."""
    surplus: dict[int, Duplicate] = {}
    first: dict[str, int] = {}
    for row in rows:
        same = first.setdefault(signatures[row].caption, row)
        if same != row:
            surplus[row] = Duplicate("exact_duplicate", f"same as {signatures[same].pair_id}")
        elif len(first) > config.max_captions:
            surplus[row] = Duplicate("too_many_captions", f"more than {config.max_captions} of one image")
    return surplus


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
