"""A small VQGAN, its job, and a perceptual network for the tests of this folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LAYOUT = {
    "image_size": 16,
    "vocab_size": 16,
    "channels": 8,
    "channel_factors": [1, 2],
    "blocks_per_level": 1,
    "attention_sizes": [8],
    "latent_channels": 8,
    "code_length": 8,
}


@pytest.fixture
def vqgan_job(shard: str, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def make(out: str = "out", **training: Any) -> dict[str, Any]:
        defaults = {"steps": 12, "batch_size": 4, "warmup_steps": 2, "threads": 1, "augment": False}
        defaults |= {"discriminator_channels": 8, "discriminator_layers": 1}
        data = {"train": [shard], "val": [shard]}
        return {"model": dict(LAYOUT), "training": defaults | training, "data": data, "out": str(tmp_path / out)}

    return make
