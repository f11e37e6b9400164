"""Keeps the images that are large enough, not too long for a square crop, and show something. Section 2.3 of the paper.

Files that are too large, cut off or animated are refused when they are fetched: what is stored is one picture, made
smaller.
"""

from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.checkpoints import release_models
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import stage
from tasks.errors import ConfigError
from tasks.screen_images.config import CLIP, Config
from tasks.screen_images.rule import ContentRule, Picture

ROWS_AT_ONCE = 32  # whose views are in memory together; of decoded pictures there is one


@stage(Config, version=1, reads={"images": {"images": schemas.IMAGES}})
def screen_images(config: Config, output: Output, images: Artifact) -> None:
    """Drops images that are too small, too long, or cannot be decoded; and if so configured, those that are flat, NSFW
    or not what their caption says, in this order.
    """
    output.map(partial(screen_shard, config, config.outside_state()), images.files("images"), afterwards=release_rules)


def screen_shard(config: Config, models: str, uri: str) -> Shard:
    """The kept images of one shard and the rejected ones, these with their size or score as the detail.

    Args:
        models: what identifies the models where the run was started.

    Raises:
        ConfigError: this process has other ones.
    """
    table = schemas.read_table(uri)
    rules = rules_of(config, models)
    reasons, details = _by_size(config, table)
    for start in range(0, table.num_rows, ROWS_AT_ONCE):
        _by_content(rules, table, range(start, min(start + ROWS_AT_ONCE, table.num_rows)), reasons, details)
    why = pa.array(reasons, pa.string())
    rejects = schemas.rejects(table, why, pa.array(details, pa.string()))
    return Shard(table.num_rows, {"images": table.filter(pc.is_null(why))}, rejects)


@lru_cache(maxsize=1)
def rules_of(config: Config, models: str) -> tuple[ContentRule, ...]:
    """The configured rules in their order, the fastest first; loaded once per process.

    Raises:
        ConfigError: this process has other models than those that are named.
    """
    if models != config.outside_state():
        raise ConfigError(
            "This worker has other versions of the models of screen_images than where the run was started: "
            "install the same packages on all machines, and name a CLIP with its revision."
        )
    rules: list[ContentRule] = []
    if config.min_deviation is not None:
        from tasks.screen_images.flat import FlatImages

        rules.append(FlatImages(config.min_deviation))
    if config.max_nsfw is not None:
        from tasks.screen_images.nsfw import NSFWImages

        rules.append(NSFWImages(config.max_nsfw))
    if config.min_label_confidence is not None:
        from tasks.screen_images.labels import NamedByCaption

        rules.append(NamedByCaption(config.min_label_confidence))
    if config.clip is not None and config.min_clip_score is not None:
        from tasks.screen_images.agreement import CLIPAgreement
        from tasks.train.published_clip import clip_folder

        rules.append(CLIPAgreement(clip_folder(config.clip, CLIP), config.min_clip_score))
    return tuple(rules)


def release_rules() -> None:
    """Frees the models that this process keeps."""
    rules_of.cache_clear()
    release_models()


Verdicts = list[str | None]  # one for each row of a shard; None of those that no rule rejects


def _by_size(config: Config, table: pa.Table) -> tuple[Verdicts, Verdicts]:
    """The reasons that the size in which the images were served gives, and that size as the detail of each row."""
    short = pc.min_element_wise(table["width"], table["height"])
    long = pc.max_element_wise(table["width"], table["height"])
    limit = pc.multiply(pc.cast(short, pa.float64()), config.max_aspect_ratio)
    checks = pc.make_struct(pc.less(short, config.min_side_px), pc.greater(pc.cast(long, pa.float64()), limit))
    width, height = (pc.cast(table[name], pa.string()) for name in ("width", "height"))
    sizes = pc.binary_join_element_wise(width, height, "x")
    return pc.case_when(checks, "too_small", "aspect_ratio").to_pylist(), sizes.to_pylist()


def _by_content(
    rules: tuple[ContentRule, ...], table: pa.Table, rows: range, reasons: Verdicts, details: Verdicts
) -> None:
    """Adds to reasons and details of some rows what decoding and the rules say. A rule sees what the others kept."""
    views: dict[int, list[Picture]] = {}
    encoded: Any = table["image"].slice(rows.start, len(rows))
    for row, image in zip(rows, encoded, strict=True):
        picture = _decoded(image.as_py())
        if picture is None:
            reasons[row] = "undecodable"
        elif reasons[row] is None:
            views[row] = [rule.view(picture) for rule in rules]
    for place, rule in enumerate(rules):
        asked = [row for row in views if reasons[row] is None]
        if not asked:
            return
        captions = table["caption"].take(pa.array(asked, pa.int64())).to_pylist()
        found = rule.refusals(np.stack([views[row][place] for row in asked]), captions)
        for row, refusal in zip(asked, found, strict=True):
            if refusal is not None:
                reasons[row], details[row] = rule.reason, refusal


def _decoded(data: bytes) -> Picture | None:
    from models.training.errors import DataError
    from models.training.images import decode

    try:
        return decode(data)
    except DataError:
        return None
