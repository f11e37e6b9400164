"""A trainer's memory does not grow with its data. `-s` prints the figures."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.ranks import ROOT

ROWS_PER_SHARD = 10_000
WINDOW = 8  # row groups of 256 rows, so that 10,000 rows fill more windows than memory holds
STEPS, BATCH = 80, 128  # 10,240 rows: five windows


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """100,000 distinct JPEGs of 256 px and 35 kB, 3.5 GB, which do not stay."""
    folder = tmp_path_factory.mktemp("shards")
    yield [_shard(folder / f"{number}.parquet", number * ROWS_PER_SHARD) for number in range(10)]
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_trainer_on_ten_times_the_images_needs_as_much_memory(
    dvae_job: Callable[..., dict[str, Any]], shards: list[str], workers: int
) -> None:
    few, many = (
        _peak(dvae_job(out, steps=STEPS, batch_size=BATCH, window=WINDOW, validation_images=64), given, workers)
        for out, given in (("few", shards[:1]), ("many", shards))
    )
    print(f"{workers} workers: {few >> 20} MiB on 10,000, {many >> 20} MiB on 100,000: {many / few - 1:+.1%}")
    assert many < 1.1 * few


def _shard(path: Path, first: int) -> str:
    """300 noisy pictures again and again, each row with a comment of its own."""
    random = np.random.default_rng(first)
    pictures = [_jpeg(random) for _ in range(300)]
    numbers = range(first, first + ROWS_PER_SHARD)
    images = [
        picture[:2] + b"\xff\xfe\x00\x0a" + f"{number:08d}".encode() + picture[2:]
        for number, picture in ((number, pictures[number % len(pictures)]) for number in numbers)
    ]
    columns = {"pair_id": [f"{number:016x}" for number in numbers], "caption": ["a picture"] * ROWS_PER_SHARD}
    table = pa.table(columns | {"image": pa.array(images, pa.binary())})
    pq.write_table(table, path, row_group_size=256, compression="none", use_dictionary=False)
    return str(path)


def _jpeg(random: np.random.Generator) -> bytes:
    smooth = cv2.resize(random.integers(64, 192, (16, 16, 3), np.uint8), (256, 256))
    noisy = smooth + random.integers(-52, 53, smooth.shape)
    return cv2.imencode(".jpg", noisy.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def _peak(job: dict[str, Any], shards: list[str], workers: int) -> int:
    """Highest sum of the trainer's and its workers' memory (PSS), bytes; what they share counts once."""
    job["data"] = {"train": shards, "cache_mb": 64, "workers": workers}
    path = Path(job["out"]).with_suffix(".json")
    path.write_text(json.dumps(job))
    command = [sys.executable, "-m", "models.dvae.train", str(path)]
    peak = 0
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as trainer:
        process = psutil.Process(trainer.pid)
        while trainer.poll() is None:
            try:
                family = [process, *process.children(recursive=True)]
                peak = max(peak, sum(each.memory_full_info().pss for each in family))
            except psutil.Error:  # one of them ended just now
                pass
            time.sleep(0.05)
    assert trainer.returncode == 0
    return peak
