"""Keeps the images that are large enough and not too long for a square crop. Section 2.3 of the paper."""

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage


class Config(StageConfig):
    """Which images are kept, by the size in which they were served."""

    min_side_px: int = Field(256, ge=1, description="Shortest side of an image; the largest crop must fit.")
    max_aspect_ratio: float = Field(2.0, ge=1, description="Longest side over shortest; the paper keeps [1/2, 2].")


@stage(Config, version=1, reads={"images": {"images": schemas.IMAGES}})
def screen_images(config: Config, output: Output, images: Artifact) -> None:
    """Drops images that are too small, too long, or cannot be decoded."""
    output.map(partial(screen_shard, config), images.files("images"))


def screen_shard(config: Config, uri: str) -> Shard:
    """The kept images of one shard and the rejected ones, these with their size as the detail."""
    table = schemas.read_table(uri)
    short = pc.min_element_wise(table["width"], table["height"])
    long = pc.max_element_wise(table["width"], table["height"])
    decodable = pa.array([_decodes(image) for image in table["image"].to_pylist()], pa.bool_())
    reasons = pc.case_when(
        pc.make_struct(
            pc.invert(decodable),
            pc.less(short, config.min_side_px),
            pc.greater(pc.cast(long, pa.float64()), pc.multiply(pc.cast(short, pa.float64()), config.max_aspect_ratio)),
        ),
        "undecodable",
        "too_small",
        "aspect_ratio",
    )
    kept = pc.is_null(reasons)
    width, height = (pc.cast(table[name], pa.string()) for name in ("width", "height"))
    sizes = pc.binary_join_element_wise(width, height, "x")
    rejected = table.append_column("reason", reasons).append_column("detail", sizes).filter(pc.invert(kept))
    return Shard(
        table.num_rows,
        {"images": table.filter(kept)},
        rejected.select(schemas.REJECTS.names).cast(schemas.REJECTS),
    )


def _decodes(data: bytes) -> bool:
    from models.training.errors import DataError
    from models.training.images import decode

    try:
        decode(data)
    except DataError:
        return False
    return True
