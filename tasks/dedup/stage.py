"""Drops duplicates: the same file at another address, or the same image in another size or compression."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.crawl.splits import VALIDATION, split_of
from tasks.dedup.config import Config
from tasks.dedup.evaluation_set import EvaluationImage, EvaluationSet, evaluation_images
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Progress, Shard
from tasks.engine.shards import map_shards
from tasks.engine.stage import stage

COMPARED = ["pair_id", "url", "caption", "split", "width", "height", "image"]
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
    split: str | None = None


@dataclass(frozen=True)
class Duplicate:
    """Why a row is dropped."""

    reason: str
    detail: str


@stage(Config, version=4, reads={"images": {"images": schemas.IMAGES}})
def dedup(config: Config, output: Output, images: Artifact) -> None:
    """Keeps one of each set of equal or nearly equal images: one that is stated to be held out, if there is one, or
    else the one served largest, then the smallest pair id.

    No held-out picture is therefore left in training, in whatever size or compression. An image is a file at an
    address. Its captions, a row each, stay together, up to `max_captions`, in one split: it is held out if any row of
    its address says so. The rows of a duplicate are all dropped, with their captions.

    Dropped are also all images that are equal or nearly equal to one of an evaluation set, held out or not; the
    detail names it.

    Metrics: how many comparisons of two images were made, and the images of the evaluation set.

    Raises:
        SourceError: the evaluation set is not there, or an image of it cannot be read.
    """
    uris = images.files("images")
    output.watch(Progress(0, len(uris), "shards hashed"))
    by_shard = map_shards(signatures_of, uris, output.settings)
    signatures = with_split_of_image(list(chain.from_iterable(by_shard)))
    evaluation = _evaluation_images(config, output)
    duplicates, output.metrics["comparisons"] = find_duplicates(config, signatures, evaluation)
    verdicts = ((signature.split, duplicates.get(row)) for row, signature in enumerate(signatures))
    output.map(drop, [(uri, list(islice(verdicts, len(found)))) for uri, found in zip(uris, by_shard, strict=True)])


def _evaluation_images(config: Config, output: Output) -> list[EvaluationImage]:
    if config.evaluation_set is None:
        return []
    parts = EvaluationSet.of(config.evaluation_set).parts()
    found = list(chain.from_iterable(map_shards(evaluation_images, parts, output.settings)))
    output.metrics["evaluation_images"] = len(found)
    return found


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
            plain = row["pair_id"], row["url"], row["caption"], pixels, digest
            found.append(Signature(*plain, *known[digest], row["split"]))
    return found


def with_split_of_image(signatures: Sequence[Signature]) -> list[Signature]:
    """The signatures with the same split in all rows of a URL: captions of one image may come from several pages."""
    stated: dict[str, set[str | None]] = defaultdict(set)
    for signature in signatures:
        stated[signature.url].add(signature.split)
    return [replace(signature, split=split_of(stated[signature.url])) for signature in signatures]


def find_duplicates(
    config: Config, signatures: Sequence[Signature], evaluation: Sequence[EvaluationImage] = ()
) -> tuple[dict[int, Duplicate], int]:
    """The rows to drop, by index in `signatures`, and the number of comparisons of two images.

    The same rows are kept whatever the order of `signatures`.
    """

    def rank(row: int) -> tuple[bool, int, str, int]:
        signature = signatures[row]
        return signature.split != VALIDATION, -signature.pixels, signature.pair_id, row

    ranked = sorted(range(len(signatures)), key=rank)
    images: dict[tuple[str, str], list[int]] = defaultdict(list)  # rows of each image, both in order of rank
    for row in ranked:
        images[signatures[row].url, signatures[row].digest].append(row)
    equal: dict[str, list[list[int]]] = defaultdict(list)  # images of the same bytes, the first of which may be kept
    for (_, digest), rows in images.items():
        equal[digest].append(rows)
    distinct = [same[0] for same in equal.values()]
    keepers, compared = _keepers(config, evaluation, [signatures[rows[0]] for rows in distinct])
    duplicates: dict[int, Duplicate] = {}
    for place, (same, keeper) in enumerate(zip(equal.values(), keepers, strict=True)):
        if isinstance(keeper, EvaluationImage):
            found = Duplicate("in_evaluation_set", f"matches {keeper.name}")
            duplicates |= {row: found for rows in same for row in rows}
            continue
        detail = f"same as {signatures[distinct[keeper][0]].pair_id}"
        duplicates |= {row: Duplicate("exact_duplicate", detail) for rows in same[1:] for row in rows}
        if keeper != place:
            duplicates |= {row: Duplicate("near_duplicate", detail) for row in same[0]}
        else:
            duplicates |= _surplus_captions(config, signatures, same[0])
    return duplicates, compared


def _keepers(
    config: Config, evaluation: Sequence[EvaluationImage], signatures: Sequence[Signature]
) -> tuple[list[int | EvaluationImage], int]:
    """What each image, in order of rank, is like, and the number of comparisons.

    That is an image of the evaluation set, or the place of the one that is kept for it, or its own.
    """
    if not signatures:
        return [], 0
    import numpy as np

    from tasks.dedup.near_duplicates import kept_alike

    known = len(evaluation)
    compared: list[EvaluationImage | Signature] = [*evaluation, *signatures]
    hashes = np.stack([image.hash_bits for image in compared])
    thumbnails = np.stack([image.thumbnail for image in compared])
    keepers, comparisons = kept_alike(
        hashes, thumbnails, config.max_hash_distance, config.max_colour_difference, always_kept=known
    )
    return [evaluation[row] if row < known else row - known for row in keepers[known:].tolist()], comparisons


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


def drop(item: tuple[str, Sequence[tuple[str | None, Duplicate | None]]]) -> Shard:
    """One shard without its duplicates, given the split of each row and why it is dropped, if it is."""
    uri, verdicts = item
    table = schemas.read_table(uri)
    place = table.schema.get_field_index("split")
    table = table.set_column(place, table.field(place), pa.array([split for split, _ in verdicts], pa.string()))
    reasons = pa.array([duplicate and duplicate.reason for _, duplicate in verdicts], pa.string())
    details = pa.array([duplicate and duplicate.detail for _, duplicate in verdicts], pa.string())
    kept = pc.is_null(reasons)
    rejects = table.append_column("reason", reasons).append_column("detail", details).filter(pc.invert(kept))
    return Shard(
        table.num_rows, {"images": table.filter(kept)}, rejects.select(schemas.REJECTS.names).cast(schemas.REJECTS)
    )
