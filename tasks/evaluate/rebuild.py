"""Held-out images through the image tokenizer and back: what the tokens alone can keep of a picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.processor import torch_threads
from tasks import schemas
from tasks.checkpoints import generator_of, tokenizer_of
from tasks.engine.artifact import Artifact
from tasks.engine.output import Shard
from tasks.evaluate.detail import band_powers, cell_errors
from tasks.evaluate.lookup import LookedUp
from tasks.settings import Settings

# One held-out image beside its reconstruction from hard codes.
RECONSTRUCTIONS = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("psnr_db", pa.float64(), nullable=False),
        pa.field("ssim", pa.float64(), nullable=False),
        pa.field("l1", pa.float64(), nullable=False),  # mean absolute difference of colour values in [0, 1]
        pa.field("nearest_mse", pa.float64(), nullable=False),  # distance to the nearest training image, 16x16 pixels
        # Mean squares of the error and of the original by spatial frequency: octaves, as in `detail.band_powers`.
        pa.field("error_bands", pa.list_(pa.float64()), nullable=False),
        pa.field("original_bands", pa.list_(pa.float64()), nullable=False),
        # Mean loss of the generator over the tokens of the caption, and over the codes; None if it does not tell.
        pa.field("text_loss", pa.float64()),
        pa.field("image_loss", pa.float64()),
        pa.field("codes", pa.binary(), nullable=False),
        pa.field("cell_errors", pa.binary(), nullable=False),  # float32: mean squared error in the square of each code
        # float32: the same at each position, as in `models.inspection.PositionLosses`
        pa.field("text_losses", pa.binary()),
        pa.field("image_losses", pa.binary()),
        pa.field("original", pa.binary(), nullable=False),  # PNG bytes at the tokenizer's size
        pa.field("reconstruction", pa.binary(), nullable=False),
    ]
)
# The columns without the pictures, and without what belongs to places in them.
_LARGE = ("cell_errors", "text_losses", "image_losses", "original", "reconstruction")
MEASURED = pa.schema([field for field in RECONSTRUCTIONS if field.name not in _LARGE])


@dataclass(frozen=True)
class ImagesToRebuild:
    """A shard of held-out pairs; only the first `limit` images are rebuilt, with one of their captions.

    Attributes:
        generator: tells its losses on them; None if none is to be asked.
        likeness: URL of the `lookup.LookedUp` of its pictures.
    """

    tokenizer: Artifact
    generator: Artifact | None
    settings: Settings
    limit: int
    uri: str
    likeness: str


def rebuild_images(work: ImagesToRebuild) -> Shard:
    """Encodes to the most likely codes, decodes, and compares."""
    from models.tokenizer import decode_codes, encode_images
    from models.training.images import centre_crop, decode, encode_png

    table = schemas.read_table(work.uri, ["pair_id", "caption", "image"])
    first: dict[bytes, int] = {}  # row of each image
    for row, image in enumerate(table["image"].to_pylist()):
        first.setdefault(image, row)
    chosen = list(first.values())[: work.limit]
    table = table.take(chosen)
    with torch_threads(
        1
    ):  # the order of torch's sums depends on its threads; with one, equal machines give equal figures
        tokenizer = tokenizer_of(work.tokenizer, work.settings)
        size = tokenizer.config.image_size
        originals = np.stack([centre_crop(decode(data), size) for data in table["image"].to_pylist()])
        codes = encode_images(tokenizer, originals)
        rebuilt = decode_codes(tokenizer, codes)
        losses = _losses(work, table["caption"].to_pylist(), codes)
    rows = [
        {
            "pair_id": pair_id,
            "caption": caption,
            "psnr_db": psnr_db(original, copy),
            "ssim": ssim(original, copy),
            "l1": float(np.abs(original.astype(np.int64) - copy).mean() / 255),
            "nearest_mse": float(nearest),
            "error_bands": band_powers((original.astype(np.float64) - copy) / 255).tolist(),
            "original_bands": band_powers(original.astype(np.float64) / 255).tolist(),
            "codes": own.astype("<u2").tobytes(),
            "cell_errors": cell_errors(original, copy, tokenizer.config.grid).astype("<f4").tobytes(),
            **lost,
            "original": encode_png(original),
            "reconstruction": encode_png(copy),
        }
        for pair_id, caption, original, copy, own, lost, nearest in zip(
            table["pair_id"].to_pylist(),
            table["caption"].to_pylist(),
            originals,
            rebuilt,
            codes,
            losses,
            LookedUp.read(work.likeness).among_train.mse[chosen],
            strict=True,
        )
    ]
    result = pa.Table.from_pylist(rows, schema=RECONSTRUCTIONS)
    return Shard(rows_in=table.num_rows, tables={"reconstructions": result})


def _losses(work: ImagesToRebuild, captions: list[str], codes: NDArray[np.uint16]) -> list[dict[str, Any]]:
    """The columns of the generator's losses."""
    generator = None if work.generator is None else generator_of(work.generator, work.settings)
    found = None if generator is None else generator.position_losses(captions, codes)
    if found is None:
        return [dict.fromkeys(("text_loss", "image_loss", "text_losses", "image_losses"))] * len(captions)
    return [
        {
            "text_loss": float(text[~np.isnan(text)].mean()) if not np.isnan(text).all() else None,
            "image_loss": float(image.mean()),
            "text_losses": text.astype("<f4").tobytes(),
            "image_losses": image.astype("<f4").tobytes(),
        }
        for text, image in zip(found.text, found.image, strict=True)
    ]


def psnr_db(original: NDArray[np.uint8], copy: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio; equal images count as half a grey level off, as in training."""
    from skimage.metrics import mean_squared_error

    return float(10 * np.log10(255.0**2 / max(mean_squared_error(original, copy), 0.25)))


def ssim(original: NDArray[np.uint8], copy: NDArray[np.uint8]) -> float:
    """Structural similarity (Wang et al. 2004): Gaussian windows of 11 pixels, sigma 1.5, mean over the colours."""
    from skimage.metrics import structural_similarity

    similarity = structural_similarity(
        original,
        copy,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
        data_range=255,
    )
    return float(similarity)
