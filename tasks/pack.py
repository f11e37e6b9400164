"""Packs the unique pairs into training shards and holds some out for validation."""

import hashlib
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.shard_groups import groups
from tasks.engine.stage import StageConfig, stage

BUCKETS = 1 << 32  # values of the hash that decides the split


class Config(StageConfig):
    """How training shards are cut."""

    val_fraction: float = Field(0.06, gt=0, lt=1, description="Share of the pairs held out for validation.")
    pairs_per_shard: int = Field(10_000, ge=1, description="Pairs in a shard at least, where there are so many.")


@stage(Config, version=1, reads={"images": {"images": schemas.IMAGES}})
def pack(config: Config, output: Output, images: Artifact) -> None:
    """Merges shards and splits them into train and val, by a hash of the pair id: a pair never changes its split."""
    merged = [group.uris for group in groups(images, "images", config.pairs_per_shard)]
    markers = output.map(partial(pack_group, config), merged)
    for split in ("train", "val"):
        files = (file for marker in markers for file in marker.files if file.path.startswith(split))
        output.metrics[f"{split}_pairs"] = sum(file.rows or 0 for file in files)


def pack_group(config: Config, uris: tuple[str, ...]) -> Shard:
    """The train and val shards of one group; sorted by pair id, which is a hash, so in random order."""
    table = pa.concat_tables(schemas.read_table(uri) for uri in uris).sort_by("pair_id").cast(schemas.PAIRS)
    val = pa.array([is_val(pair_id, config.val_fraction) for pair_id in table["pair_id"].to_pylist()], pa.bool_())
    return Shard(table.num_rows, {"train": table.filter(pc.invert(val)), "val": table.filter(val)})


def is_val(pair_id: str, val_fraction: float) -> bool:
    """Whether the pair belongs to the validation set; a larger fraction takes the same pairs and more."""
    bucket = int.from_bytes(hashlib.sha256(f"val {pair_id}".encode()).digest()[:4], "big")
    return bucket < val_fraction * BUCKETS
