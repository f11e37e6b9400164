"""Extraction end to end, from a shard of JPEGs to a shard of codes, beside encoding alone: `taskset -c 0 python …`.

Prints images/s of both, alternating, and the median share that reading, decoding, cropping and packing leave.
"""

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

IMAGES, STORED, SIZE = 96, 192, 128  # images of a shard, and their sides in pixels, stored and encoded


def main() -> None:
    from models.dvae.config import DVAEModelConfig
    from models.dvae.model import DVAE
    from models.tokenizer import encode_images
    from models.training.checkpoint import save_model
    from tasks import schemas
    from tasks.checkpoints import tokenizer_of
    from tasks.engine.artifact import Artifact
    from tasks.engine.output import Output, Shard
    from tasks.engine.stage import Stage, StageConfig
    from tasks.extract import Config, extract_shard
    from tasks.settings import Settings

    torch.set_num_threads(1)

    def write_pairs(config: StageConfig, output: Output) -> None:
        output.map(lambda _: Shard(IMAGES, {"train": pairs()}), [0])

    def write_dvae(config: StageConfig, output: Output) -> None:
        shape = DVAEModelConfig(image_size=SIZE, hidden=64, blocks_per_group=1)
        save_model(output.scratch, DVAE(shape).state_dict(), shape)
        for path in sorted(output.scratch.iterdir()):
            output.write(path.name, path.read_bytes())

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(root=f"{folder}/runs", work_dir=f"{folder}/work", dask_workers=0)

        def made(name: str, body: Callable[..., None]) -> Artifact:
            return Stage(name, 1, body, {}, StageConfig)(StageConfig(), settings).artifact

        uri = made("pack", write_pairs).files("train")[0]
        tokenizer = made("train_dvae", write_dvae)
        model = tokenizer_of(tokenizer, settings)
        ready = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
        shares = []
        for round_ in range(6):
            whole = _seconds(lambda: extract_shard(Config(), settings, tokenizer, ("train", uri)))
            alone = _seconds(lambda: encode_images(model, ready, 32))
            if round_:  # the first warms up
                shares.append(alone / whole)
                print(
                    f"end to end {IMAGES / whole:.1f} images/s, encoding alone {IMAGES / alone:.1f}: {shares[-1]:.1%}"
                )
        print(f"median share {statistics.median(shares):.1%}")
        assert schemas.read_table(uri).num_rows == IMAGES


def pairs() -> pa.Table:
    """Smooth JPEGs with some noise, so that decoding has something to do."""
    from tasks import schemas

    random = np.random.default_rng(1)
    rows = []
    for place in range(IMAGES):
        small = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((STORED, STORED))
        noisy = np.asarray(small).astype(np.int16) + random.integers(-12, 13, (STORED, STORED, 3))
        file = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=95)
        texts = {"url": "u", "caption": "c", "page_url": "p", "source": "s", "licence": None}
        served = {"width": STORED, "height": STORED, "original_sha256": "0" * 64}
        rows.append({"pair_id": f"{place:016x}", **texts, **served, "image": file.getvalue()})
    return pa.Table.from_pylist(rows, schema=schemas.PAIRS)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
