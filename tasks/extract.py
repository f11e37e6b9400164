"""Encodes the image of every packed pair by the image tokenizer, once for all epochs of the prior."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Literal, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from tasks import schemas
from tasks.checkpoints import release_models, tokenizer_of
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import StageConfig, stage
from tasks.settings import Settings

Item = TypeVar("Item")
Result = TypeVar("Result")

IMAGES_AT_ONCE = {"cpu": 32, "cuda": 128}  # more are not faster, and 128 images of 256 px take 9 GB
READERS = 2  # threads that decode and crop the next images while these are encoded


class Config(StageConfig):
    """How images become codes."""

    encodings: int = Field(1, ge=1, description="Encodings of each training image; all but the first are augmented.")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="bf16 is faster, and about 0.3 % of the codes differ; the logits are fp32 in both."
    )
    seed: int = Field(0, ge=0, description="Seed of the augmentation.")


@stage(Config, version=3, reads={"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}})
def extract(config: Config, output: Output, pairs: Artifact, tokenizer: Artifact) -> None:
    """The code of each cell, in raster order: for a dVAE the argmax of its logits, without noise (section 2.2).

    Dask's workers do it, each with a GPU of its own where there are GPUs, and no torchrun ranks: images are encoded
    independently of each other, so there is nothing to exchange, and Dask also does a lost worker's shards again.
    Every shard says in its metadata which tokenizer made its codes, in which precision and on which kind of device.
    """
    shards = [("train", uri) for uri in pairs.files("train")] + [("val", uri) for uri in pairs.files("val")]
    output.map(partial(extract_shard, config, output.settings, tokenizer), shards, "encodings", release_models)


def extract_shard(config: Config, settings: Settings, tokenizer: Artifact, shard: tuple[str, str]) -> Shard:
    """Codes of one shard of pairs, in the same split. Validation images are encoded once, without augmentation.

    An image with several captions is encoded once for all of them. Memory holds the images of a few batches, and the
    codes of the shard.
    """
    from models.tokenizer import encode_images

    split, uri = shard
    encodings = config.encodings if split == "train" else 1
    model = tokenizer_of(tokenizer, settings)
    sizes = model.config
    made_by = {"tokenizer": tokenizer.address, "precision": config.precision, "device": model.device.type}
    schema = schemas.tokens(sizes.codes_per_image).with_metadata(made_by)
    images_at_once = max(1, IMAGES_AT_ONCE[model.device.type] // encodings)
    shard_images = ShardImages(uri, images_at_once)
    codes: list[list[bytes]] = [[] for _ in range(encodings)]  # of each image
    for crops in ahead(partial(_crops, config, encodings, sizes.image_size), shard_images.batches()):
        images = crops.reshape(-1, *crops.shape[2:])
        encoded = encode_images(model, images, len(images), bf16=config.precision == "bf16")
        for own, part in zip(codes, np.split(encoded, encodings), strict=True):
            own += [row.astype("<u2").tobytes() for row in part]
    pairs = schemas.read_table(uri, ["pair_id", "caption"])
    tables = []
    for encoding, own in enumerate(codes):
        columns = {
            "pair_id": pairs["pair_id"],
            "caption": pairs["caption"],
            "crop": pa.array([encoding] * len(pairs), pa.int32()),
            "codes": [own[image] for image in shard_images.of_pairs],
        }
        tables.append(pa.table(columns, schema=schema))
    whole = pa.concat_tables(tables)
    return Shard(rows_in=whole.num_rows, tables={split: whole})


class ShardImages:
    """The images of a shard of pairs, each once, however many captions it has.

    Attributes:
        of_pairs: the number of its image for each pair that `batches` has read.
    """

    def __init__(self, uri: str, images_at_once: int) -> None:
        self.uri = uri
        self.images_at_once = images_at_once
        self.of_pairs: list[int] = []

    def batches(self) -> Iterator[list[tuple[str, bytes]]]:
        """Digest and bytes of each image; its number is its place among all. Equal bytes are one image."""
        numbers: dict[str, int] = {}
        waiting: list[tuple[str, bytes]] = []
        for batch in schemas.read_batches(self.uri, ["image"], self.images_at_once):
            for image in batch["image"].to_pylist():
                digest = storage.sha256(image)
                if digest not in numbers:
                    numbers[digest] = len(numbers)
                    waiting.append((digest, image))
                self.of_pairs.append(numbers[digest])
                if len(waiting) == self.images_at_once:
                    yield waiting
                    waiting = []
        if waiting:
            yield waiting


def ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map(work, items)`, with the next results made by threads while the last one is used."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(READERS) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _crops(config: Config, encodings: int, size: int, images: Sequence[tuple[str, bytes]]) -> np.ndarray:
    """The images for each encoding, uint8 [encodings, B, size, size, 3]; each is decoded once.

    The first encoding is of the centred square; the others are the paper's crops for the prior (listing 2), which
    depend on the seed, the number of the encoding and the image.
    """
    from models.training.images import centre_crop, decode, prior_crop

    crops = np.empty((encodings, len(images), size, size, 3), np.uint8)
    for place, (digest, encoded) in enumerate(images):
        image = decode(encoded)
        crops[0, place] = centre_crop(image, size)
        for encoding in range(1, encodings):
            random = np.random.default_rng([config.seed, encoding, int(digest[:16], 16)])
            crops[encoding, place] = prior_crop(image, size, random)
    return crops
