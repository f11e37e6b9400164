"""Drops duplicates: the same file at another address, or the same image in another size or compression."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.dedup.config import Config
from tasks.dedup.embeddings import CLIP, dimension, embedder, release
from tasks.dedup.evaluation_set import EvaluationSet
from tasks.dedup.exchanges import Exchanges
from tasks.dedup.images import choose, group, judge
from tasks.dedup.keepers import mark, settle
from tasks.dedup.signatures import sign, sign_evaluation
from tasks.dedup.vectors import find_centres, place_in_cells
from tasks.dedup.verdicts import verdicts_of
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shard_groups import Group, groups
from tasks.engine.stage import stage
from tasks.train.published_clip import digest_of_clip

ROWS_PER_SIGNER = 1 << 14  # or more, where a shard has more
LEAST_SIGNERS = 64  # where there are so many shards, for the workers to share

Each = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


@stage(Config, version=4, reads={"images": {"images": schemas.IMAGES}})
def dedup(config: Config, output: Output, images: Artifact) -> None:
    """Keeps one of each set of equal or nearly equal images: one that is stated to be held out, if there is one, or
    else the one served largest, then the smallest pair id.

    No held-out picture is therefore left in training, in whatever size or compression. An image is a file at an
    address. Its captions, a row each, stay together, up to `max_captions`, in one split: it is held out if any row of
    its address says so. The rows of a duplicate are all dropped, with their captions.

    With a CLIP, images are nearly equal too whose vectors have a cosine of at least `min_cosine`; the detail has it.
    Up to 8,192 rows all are compared. More are cut into cells of about so many by k-means, each image being compared
    in the two cells next to it, and a few such pairs are missed, which have no cell in common.

    Dropped are also all images that are equal or nearly equal to one of an evaluation set, held out or not; the
    detail names it.

    No process holds something of every row. Workers hand on what is compared through the storage, by URL, by digest
    and by bands of the hashes: about 1.6 kB for an image and up to 11 kB for one that is close to another. A run that
    was ended does not decode the shards again that it handed on.

    Metrics: how many comparisons of two images were made, and the images of the evaluation set.

    Raises:
        SourceError: the evaluation set is not there, or an image of it cannot be read.
    """
    signers, shards = signers_and_shards(images)
    rows = sum(signer.rows for signer in signers)
    evaluation = EvaluationSet.of(config.evaluation_set).parts() if config.evaluation_set is not None else []
    vectors = dimension(config.clip) if config.clip is not None else 0
    embed = partial(embedder, config.clip, digest_of_clip(config.clip, CLIP)) if config.clip is not None else None
    place = f"{output.exchange}/{len(signers)}"  # what a run with other signers left is not to be mixed with it
    exchanges = Exchanges(place, rows, len(signers), len(evaluation), config.max_hash_distance, vectors)
    numbered = list(enumerate(signer.uris for signer in signers))
    output.each(partial(sign, exchanges, embed), numbered, "groups of shards hashed", release)
    if config.evaluation_set is not None:
        work = partial(sign_evaluation, exchanges, embed)
        signed = output.each(work, list(enumerate(evaluation)), "parts of the evaluation set", release)
        output.metrics["evaluation_images"] = sum(signed)
    output.metrics["comparisons"] = find_duplicates(config, exchanges, partial(output.each, what="parts compared"))
    output.map(partial(drop, exchanges, config.max_captions), shards, afterwards=signer_verdicts.cache_clear)
    output.remove_exchange()


@dataclass(frozen=True)
class PlacedShard:
    """A shard, and where its rows begin among those of its signer."""

    uri: str
    signer: int
    first: int


def signers_and_shards(images: Artifact) -> tuple[list[Group], list[PlacedShard]]:
    """The shards in groups that are hashed by one task each, and every shard with its place in them.

    A part of an exchange is read from a file of every signer, so there are not as many as small shards.
    """
    rows_of = {images.file(record.path): record.rows or 0 for record in images.manifest().outputs}
    rows = sum(rows_of[uri] for uri in images.files("images"))
    signers = groups(images, "images", min(ROWS_PER_SIGNER, rows // LEAST_SIGNERS))
    shards = [
        PlacedShard(uri, number, first)
        for number, signer in enumerate(signers)
        for uri, first in zip(signer.uris, accumulate(map(rows_of.__getitem__, signer.uris), initial=0), strict=False)
    ]
    return signers, shards


def find_duplicates(config: Config, exchanges: Exchanges, each: Each) -> int:
    """From what the signers hand on to what the shards are told; returns the number of comparisons of two images.

    The same rows are kept whatever the order and the number of the shards.

    Args:
        each: applies a function to items, in any order or at once, and returns the results.
    """
    each(partial(group, exchanges, config.max_captions), exchanges.key_parts)
    if exchanges.dimension:
        each(partial(find_centres, exchanges), exchanges.key_parts[:1])
        each(partial(place_in_cells, exchanges), exchanges.key_parts)
    comparisons = sum(each(partial(mark, exchanges, config.min_cosine), exchanges.likeness_parts))
    each(partial(choose, exchanges), exchanges.key_parts)
    undecided, round_number = list(exchanges.likeness_parts), 0
    while undecided:
        look = partial(settle, exchanges, config, round_number, undecided)
        found = each(look, undecided)
        comparisons += sum(made for _, made in found)
        undecided = [part for part, (is_decided, _) in zip(undecided, found, strict=True) if not is_decided]
        round_number += 1
    each(partial(judge, exchanges), exchanges.key_parts)
    return comparisons


@lru_cache(maxsize=1)
def signer_verdicts(exchanges: Exchanges, max_captions: int, signer: int) -> tuple[pa.Array, pa.Array, pa.Array]:
    """`verdicts_of`, kept for the next shard of the signer."""
    return verdicts_of(exchanges, max_captions, signer)


def drop(exchanges: Exchanges, max_captions: int, shard: PlacedShard) -> Shard:
    """One shard without its duplicates."""
    table = schemas.read_table(shard.uri)
    of_signer = signer_verdicts(exchanges, max_captions, shard.signer)
    splits, reasons, details = (column.slice(shard.first, table.num_rows) for column in of_signer)
    place = table.schema.get_field_index("split")
    table = table.set_column(place, table.field(place), splits)
    kept = table.filter(pc.is_null(reasons))
    return Shard(table.num_rows, {"images": kept}, schemas.rejects(table, reasons, details))
