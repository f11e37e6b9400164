"""Packs the unique pairs into training shards, and those of held-out images into shards for validation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks import schemas
from tasks.crawl.splits import TRAIN, VALIDATION
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.row_groups import TableFile
from tasks.engine.shard_groups import groups
from tasks.engine.stage import StageConfig, stage
from tasks.errors import SourceError
from tasks.settings import Settings
from tasks.takedown.left_out import PairShard, pair_shards

BUCKETS = 1 << 32  # values of the hash that decides the split
ROWS_AT_ONCE = 32  # pairs read at once; few, because images can be large


class Config(StageConfig):
    """How training shards are cut."""

    val_fraction: float = Field(0.06, gt=0, lt=1, description="Share held out of the images whose split is not stated.")
    pairs_per_shard: int = Field(10_000, ge=1, description="Pairs in a shard at least, where there are so many.")


@dataclass(frozen=True)
class Rule:
    """Which images are held out: those whose bucket is below `end_of_val`, but as stated where that is kept."""

    end_of_val: int
    keeps_stated: bool

    def holds_out(self, batch: pa.Table) -> pa.ChunkedArray:
        """For each row whether it is of the validation set."""
        hashed = pa.array([bucket(url) < self.end_of_val for url in batch["url"].to_pylist()], pa.bool_())
        # Null where nothing is stated.
        stated = pc.equal(batch["split"], VALIDATION) if self.keeps_stated else pa.scalar(None, pa.bool_())
        return pc.coalesce(stated, hashed)


@stage(Config, version=4, reads={"images": {"images": schemas.IMAGES}})
def pack(config: Config, output: Output, images: Artifact, takedowns: Artifact | None = None) -> None:
    """Merges shards and splits them into train and val: as the source states it, or by a hash of the image's URL.

    The hash decides for images of which nothing is stated, and for all if the source states none to be held out. All
    captions of an image are therefore in the same split, and an image never changes its split. Where the hash would
    leave one side empty, as it may with few images, that side gets the one image nearest to it. Memory holds a row
    group of each split, not a shard.

    Args:
        takedowns: the pairs to leave out, by `match_takedowns`; they become rejects. Not there where nothing is.

    Raises:
        SourceError: there are fewer than two images, or all are stated to be held out.
    """
    shards = pair_shards(images, takedowns)
    merged = [tuple(shards[uri] for uri in group.uris) for group in groups(images, "images", config.pairs_per_shard)]
    rule = rule_of(config.val_fraction, list(shards.values()))
    markers = output.map(partial(pack_group, rule, output.settings), merged)
    for split in ("train", "val"):
        files = (file for marker in markers for file in marker.files if file.path.startswith(split))
        output.metrics[f"{split}_pairs"] = sum(file.rows or 0 for file in files)


def rule_of(val_fraction: float, shards: Sequence[PairShard]) -> Rule:
    """The rule by which neither set is empty.

    Reads stated splits, and URLs only until both sets have an image.

    Raises:
        SourceError: as `pack`.
    """
    wanted = int(val_fraction * BUCKETS)
    stated = {split for shard in shards for split in shard.table(["split"])["split"].unique().to_pylist()}
    keeps_stated = VALIDATION in stated
    if keeps_stated and TRAIN in stated:
        return Rule(wanted, keeps_stated)
    # The buckets of the images that the hash decides about. What is stated to be held out is before them all.
    lowest, highest = -1 if keeps_stated else BUCKETS, -1
    for shard in shards:
        table = shard.table(["url", "split"])
        free = table.filter(pc.is_null(table["split"])) if keeps_stated else table
        buckets = [bucket(url) for url in free["url"].to_pylist()]
        lowest, highest = min([lowest, *buckets]), max([highest, *buckets])
        if lowest < wanted <= highest:
            return Rule(wanted, keeps_stated)
    if lowest >= highest:
        raise SourceError(_too_few(keeps_stated, highest))
    return Rule(lowest + 1 if lowest >= wanted else highest, keeps_stated)


def _too_few(keeps_stated: bool, highest: int) -> str:
    if keeps_stated:
        return (
            "Every image left of the source is stated to be held out (validation or test), and training needs at least "
            "one that is not: add training images, or leave the split out."
        )
    count = "No image is" if highest < 0 else "Only one image is"
    return (
        f"{count} left of the source, and training needs at least two, one of them held out for validation: "
        "loosen the filters or name a larger source."
    )


def pack_group(rule: Rule, settings: Settings, shards: tuple[PairShard, ...]) -> Shard:
    """The train and val shards of one group, in the order of its shards: these mix the source, and sort by a hash."""
    tables = {split: TableFile(schemas.PAIRS, settings) for split in ("train", "val")}
    taken_down = [schemas.REJECTS.empty_table()]
    for shard in shards:
        for left, rejected in shard.batches(schemas.IMAGES.names, ROWS_AT_ONCE):
            val, pairs = rule.holds_out(left), left.select(schemas.PAIRS.names)
            tables["train"].add(pairs.filter(pc.invert(val)))
            tables["val"].add(pairs.filter(val))
            taken_down.append(rejected)
    rejects = pa.concat_tables(taken_down)
    return Shard(sum(table.num_rows for table in tables.values()) + rejects.num_rows, tables, rejects)


def bucket(url: str) -> int:
    """The hash that decides the split, 0 to `BUCKETS` - 1: a larger fraction takes the same images and more."""
    return int.from_bytes(hashlib.sha256(f"val {url}".encode()).digest()[:4], "big")
