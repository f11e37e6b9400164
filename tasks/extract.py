"""Encodes the image of every packed pair by the image tokenizer, once for all epochs of the prior."""

from functools import partial

import numpy as np
import pyarrow as pa
from pydantic import Field

from tasks import schemas
from tasks.checkpoints import tokenizer_of
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage
from tasks.settings import Settings


class Config(StageConfig):
    """How images become codes."""

    encodings: int = Field(1, ge=1, description="Encodings of each training image; all but the first are augmented.")
    bf16: bool = Field(False, description="Encode in bfloat16: faster, and about 0.3 % of the codes differ.")
    seed: int = Field(0, ge=0, description="Seed of the augmentation.")


@stage(Config, reads={"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}})
def extract(config: Config, output: Output, pairs: Artifact, tokenizer: Artifact) -> None:
    """The code of each cell, in raster order: for a dVAE the argmax of its logits, without noise (section 2.2)."""
    shards = [("train", uri) for uri in pairs.files("train")] + [("val", uri) for uri in pairs.files("val")]
    output.map(partial(extract_shard, config, output.settings, tokenizer), shards, unit="encodings")


def extract_shard(config: Config, settings: Settings, tokenizer: Artifact, shard: tuple[str, str]) -> Shard:
    """Codes of one shard of pairs, in the same split. Validation images are encoded once, without augmentation."""
    split, uri = shard
    table = schemas.read_table(uri)
    encodings = range(config.encodings if split == "train" else 1)
    tables = [_encode(config, settings, tokenizer, table, encoding) for encoding in encodings]
    return Shard(rows_in=table.num_rows * len(tables), tables={split: pa.concat_tables(tables)})


def _encode(config: Config, settings: Settings, tokenizer: Artifact, table: pa.Table, encoding: int) -> pa.Table:
    from models.tokenizer import encode_images

    model = tokenizer_of(tokenizer, settings)
    rows = zip(table["pair_id"].to_pylist(), table["image"].to_pylist(), strict=True)
    images = [_crop(config, pair_id, image, encoding, model.config.image_size) for pair_id, image in rows]
    codes = encode_images(model, np.stack(images), bf16=config.bf16)
    return pa.table(
        {
            "pair_id": table["pair_id"],
            "caption": table["caption"],
            "crop": pa.array([encoding] * table.num_rows, pa.int32()),
            "codes": [row.astype("<u2").tobytes() for row in codes],
        },
        schema=schemas.tokens(model.config.codes_per_image),
    )


def _crop(config: Config, pair_id: str, encoded: bytes, encoding: int, size: int) -> np.ndarray:
    """The first encoding is of the centred square; the others are the paper's crops for the prior (listing 2)."""
    from models.training.images import centre_crop, decode, prior_crop

    image = decode(encoded)
    if encoding == 0:
        return centre_crop(image, size)
    return prior_crop(image, size, np.random.default_rng([config.seed, encoding, int(pair_id, 16)]))
