"""Packs the unique pairs into training shards and holds some out for validation."""

import hashlib
from collections.abc import Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shard_groups import groups
from tasks.engine.stage import StageConfig, stage
from tasks.errors import SourceError

BUCKETS = 1 << 32  # values of the hash that decides the split


class Config(StageConfig):
    """How training shards are cut."""

    val_fraction: float = Field(0.06, gt=0, lt=1, description="Share of the pairs held out for validation.")
    pairs_per_shard: int = Field(10_000, ge=1, description="Pairs in a shard at least, where there are so many.")


@stage(Config, version=2, reads={"images": {"images": schemas.IMAGES}})
def pack(config: Config, output: Output, images: Artifact) -> None:
    """Merges shards and splits them into train and val, by a hash of the pair id: a pair never changes its split.

    Where the hash would leave one side empty, as it may with few pairs, that side gets the one pair nearest to it.

    Raises:
        SourceError: there are fewer than two pairs.
    """
    merged = [group.uris for group in groups(images, "images", config.pairs_per_shard)]
    end_of_val = split_at(config.val_fraction, images.files("images"))
    markers = output.map(partial(pack_group, end_of_val), merged)
    for split in ("train", "val"):
        files = (file for marker in markers for file in marker.files if file.path.startswith(split))
        output.metrics[f"{split}_pairs"] = sum(file.rows or 0 for file in files)


def split_at(val_fraction: float, uris: Sequence[str]) -> int:
    """The bucket before which pairs belong to the validation set, so that neither set is empty.

    Reads pair ids alone, and shards only until both sets have a pair.

    Raises:
        SourceError: there are fewer than two pairs.
    """
    wanted = int(val_fraction * BUCKETS)
    lowest, highest = BUCKETS, -1
    for uri in uris:
        buckets = [bucket(pair_id) for pair_id in schemas.read_table(uri, ["pair_id"])["pair_id"].to_pylist()]
        lowest, highest = min([lowest, *buckets]), max([highest, *buckets])
        if lowest < wanted <= highest:
            return wanted
    if lowest >= highest:
        count = "No pair is" if highest < 0 else "Only one pair is"
        raise SourceError(
            f"{count} left of the source, and training needs at least two, one of them held out for validation: "
            "loosen the filters or name a larger source."
        )
    return lowest + 1 if lowest >= wanted else highest


def pack_group(end_of_val: int, uris: tuple[str, ...]) -> Shard:
    """The train and val shards of one group; sorted by pair id, which is a hash, so in random order."""
    table = pa.concat_tables(schemas.read_table(uri) for uri in uris).sort_by("pair_id").cast(schemas.PAIRS)
    val = pa.array([bucket(pair_id) < end_of_val for pair_id in table["pair_id"].to_pylist()], pa.bool_())
    return Shard(table.num_rows, {"train": table.filter(pc.invert(val)), "val": table.filter(val)})


def bucket(pair_id: str) -> int:
    """The hash that decides the split, 0 to `BUCKETS` - 1: a larger fraction takes the same pairs and more."""
    return int.from_bytes(hashlib.sha256(f"val {pair_id}".encode()).digest()[:4], "big")
