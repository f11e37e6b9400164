"""Packs the unique pairs into training shards and holds some images out for validation."""

import hashlib
from collections.abc import Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.row_groups import TableFile
from tasks.engine.shard_groups import groups
from tasks.engine.stage import StageConfig, stage
from tasks.errors import SourceError
from tasks.settings import Settings

BUCKETS = 1 << 32  # values of the hash that decides the split
ROWS_AT_ONCE = 32  # pairs read at once; few, because images can be large


class Config(StageConfig):
    """How training shards are cut."""

    val_fraction: float = Field(0.06, gt=0, lt=1, description="Share of the images held out for validation.")
    pairs_per_shard: int = Field(10_000, ge=1, description="Pairs in a shard at least, where there are so many.")


@stage(Config, version=3, reads={"images": {"images": schemas.IMAGES}})
def pack(config: Config, output: Output, images: Artifact) -> None:
    """Merges shards and splits them into train and val, by a hash of the image's URL.

    All captions of an image are therefore in the same split, and an image never changes its split. Where the hash
    would leave one side empty, as it may with few images, that side gets the one image nearest to it. Memory holds a
    row group of each split, not a shard.

    Raises:
        SourceError: there are fewer than two images.
    """
    merged = [group.uris for group in groups(images, "images", config.pairs_per_shard)]
    end_of_val = split_at(config.val_fraction, images.files("images"))
    markers = output.map(partial(pack_group, end_of_val, output.settings), merged)
    for split in ("train", "val"):
        files = (file for marker in markers for file in marker.files if file.path.startswith(split))
        output.metrics[f"{split}_pairs"] = sum(file.rows or 0 for file in files)


def split_at(val_fraction: float, uris: Sequence[str]) -> int:
    """The bucket before which images belong to the validation set, so that neither set is empty.

    Reads URLs alone, and shards only until both sets have an image.

    Raises:
        SourceError: there are fewer than two images.
    """
    wanted = int(val_fraction * BUCKETS)
    lowest, highest = BUCKETS, -1
    for uri in uris:
        buckets = [bucket(url) for url in schemas.read_table(uri, ["url"])["url"].to_pylist()]
        lowest, highest = min([lowest, *buckets]), max([highest, *buckets])
        if lowest < wanted <= highest:
            return wanted
    if lowest >= highest:
        count = "No image is" if highest < 0 else "Only one image is"
        raise SourceError(
            f"{count} left of the source, and training needs at least two, one of them held out for validation: "
            "loosen the filters or name a larger source."
        )
    return lowest + 1 if lowest >= wanted else highest


def pack_group(end_of_val: int, settings: Settings, uris: tuple[str, ...]) -> Shard:
    """The train and val shards of one group, in the order of its shards: these mix the source, and sort by a hash."""
    tables = {split: TableFile(schemas.PAIRS, settings) for split in ("train", "val")}
    for uri in uris:
        for batch in schemas.read_batches(uri, schemas.PAIRS.names, ROWS_AT_ONCE):
            val = pa.array([bucket(url) < end_of_val for url in batch["url"].to_pylist()], pa.bool_())
            tables["train"].add(batch.filter(pc.invert(val)))
            tables["val"].add(batch.filter(val))
    return Shard(sum(table.num_rows for table in tables.values()), tables)


def bucket(url: str) -> int:
    """The hash that decides the split, 0 to `BUCKETS` - 1: a larger fraction takes the same images and more."""
    return int.from_bytes(hashlib.sha256(f"val {url}".encode()).digest()[:4], "big")
