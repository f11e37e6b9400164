"""Small synthetic shards, tokenizers and jobs for the trainers' tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from models.text.bpe import train_bpe
from models.text.config import BPEModelConfig

COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (40, 60, 220), "yellow": (230, 220, 40)}
SHAPES = ("square", "disc")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def picture(colour: str, shape: str, size: int) -> np.ndarray:
    """A coloured shape on white: uint8 RGB [size, size, 3]."""
    image = np.full((size, size, 3), 255, np.uint8)
    quarter = size // 4
    if shape == "square":
        cv2.rectangle(image, (quarter, quarter), (3 * quarter, 3 * quarter), COLOURS[colour], -1)
    else:
        cv2.circle(image, (size // 2, size // 2), quarter, COLOURS[colour], -1)
    return image


@pytest.fixture(scope="session")
def captions() -> list[str]:
    return [f"A {colour} {shape}" for colour in COLOURS for shape in SHAPES]


@pytest.fixture(scope="session")
def shard(tmp_path_factory: pytest.TempPathFactory, captions: list[str]) -> str:
    """Eight pairs, PNG, 24 x 24."""
    path = tmp_path_factory.mktemp("shards") / "train.parquet"
    images = []
    for caption in captions:
        _, colour, shape = caption.split()
        images.append(cv2.imencode(".png", picture(colour, shape, 24)[:, :, ::-1])[1].tobytes())
    ids = [f"p{i}" for i in range(len(captions))]
    pq.write_table(pa.table({"pair_id": ids, "caption": captions, "image": pa.array(images, pa.binary())}), path)
    return str(path)


@pytest.fixture(scope="session")
def bpe_path(tmp_path_factory: pytest.TempPathFactory, captions: list[str]) -> str:
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    train_bpe(captions, BPEModelConfig(vocab_size=270, text_length=8)).save(path)
    return str(path)


@pytest.fixture(scope="session")
def token_shard(tmp_path_factory: pytest.TempPathFactory, captions: list[str]) -> str:
    """Eight rows of 3 x 3 codes below 11."""
    path = tmp_path_factory.mktemp("tokens") / "train.parquet"
    codes = np.random.default_rng(0).integers(0, 11, (len(captions), 9)).astype("<u2")
    table = {
        "pair_id": [f"p{i}" for i in range(len(captions))],
        "caption": captions,
        "crop": [0] * len(captions),
        "codes": pa.array([row.tobytes() for row in codes], pa.binary(18)),
    }
    pq.write_table(pa.table(table), path)
    return str(path)


@pytest.fixture
def dvae_job(shard: str, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def make(out: str = "out", **training: Any) -> dict[str, Any]:
        defaults = {"steps": 12, "batch_size": 4, "warmup_steps": 2, "threads": 1, "beta_steps": 4, "tau_steps": 8}
        defaults |= {"learning_rate": 1e-3, "decay_steps": None, "clip_norm": 1.0}
        model = {
            "image_size": 16,
            "vocab_size": 8,
            "hidden": 8,
            "groups": 2,
            "blocks_per_group": 1,
            "decoder_init": 4,
            "stem": "unshuffle",
            "standardise_logits": True,
        }
        data = {"train": [shard], "val": [shard]}
        return {"model": model, "training": defaults | training, "data": data, "out": str(tmp_path / out)}

    return make


@pytest.fixture
def prior_job(token_shard: str, bpe_path: str, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def make(out: str = "out", **training: Any) -> dict[str, Any]:
        defaults = {"steps": 12, "batch_size": 4, "warmup_steps": 2, "threads": 1, "learning_rate": 1e-3}
        defaults |= {"schedule": "cosine", "weight_decay": 0.0, "clip_norm": 1.0, "ema_decay": 0.999, "ema_every": 1}
        vocab = _vocab_size(bpe_path)
        model = {"text_vocab": vocab, "text_length": 8, "image_vocab": 11, "grid": 3, "width": 16, "layers": 2}
        model |= {"heads": 2, "conv_kernel": 3}
        data = {"train": [token_shard], "val": [token_shard], "bpe": bpe_path}
        return {"model": model, "training": defaults | training, "data": data, "out": str(tmp_path / out)}

    return make


@pytest.fixture
def clip_job(shard: str, bpe_path: str, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def make(out: str = "out", **training: Any) -> dict[str, Any]:
        defaults = {"steps": 12, "batch_size": 8, "warmup_steps": 2, "threads": 1, "augment": False}
        model = {"image_size": 16, "patch_size": 8, "vision_width": 16, "vision_layers": 1, "text_width": 16}
        model |= {"text_layers": 1, "heads": 2, "projection": 16, "text_vocab": _vocab_size(bpe_path), "text_length": 8}
        data = {"train": [shard], "val": [shard], "bpe": bpe_path}
        return {"model": model, "training": defaults | training, "data": data, "out": str(tmp_path / out)}

    return make


def _vocab_size(path: str) -> int:
    from models.text.bpe import load_bpe

    return load_bpe(path).vocab_size
