"""The stage that trains a VQGAN, and what the next stages take from it."""

from pathlib import Path

import numpy as np
import pytest
from support.finished_run import emoji_pairs
from support.tables import artifact

from flows.recipes import smoke
from models.vqgan.config import VQGANModelConfig, VQGANTrainingConfig
from tasks import schemas
from tasks.errors import CollapsedCodesError, ConfigError
from tasks.extract import extract
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.settings import Settings
from tasks.train.health import TokenizerHealth
from tasks.train.trainer import image_sizes
from tasks.train.vqgan import Config, train_vqgan

pytestmark = pytest.mark.end_to_end

LAYOUT = {"image_size": 24, "vocab_size": 32, "channels": 8, "channel_factors": (1, 1), "attention_sizes": ()}
MODEL = VQGANModelConfig.model_validate(LAYOUT | {"blocks_per_level": 1, "latent_channels": 8, "code_length": 8})
TRAINING = VQGANTrainingConfig(steps=4, batch_size=4, warmup_steps=1)
SMALL = Config(model=MODEL, training=TRAINING, health=TokenizerHealth(check=False))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("vqgan")
    return Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)


@pytest.fixture(scope="module")
def pairs(settings):
    """Eight pairs, of which one is held out."""
    return pack(PackConfig(val_fraction=1e-6), settings, images=artifact("images", settings, emoji_pairs(8))).artifact


@pytest.fixture(scope="module")
def vqgan(settings, pairs):
    return train_vqgan(SMALL, settings, pairs=pairs).artifact


def test_a_vqgan_says_how_many_codes_there_are_and_how_they_lie(vqgan):
    assert image_sizes(vqgan) == (32, 12)
    assert vqgan.manifest().metrics["train_psnr"] > 0


def test_its_codes_are_extracted_as_those_of_any_tokenizer(settings, pairs, vqgan):
    tokens = extract(smoke().extract, settings, pairs=pairs, tokenizer=vqgan).artifact
    assert tokens.manifest().counts.rows_out == 8
    shards = [*tokens.files("train"), *tokens.files("val")]
    codes = np.frombuffer(b"".join(c for s in shards for c in schemas.read_table(s)["codes"].to_pylist()), "<u2")
    assert len(codes) == 8 * 144
    assert codes.max() < 32


def test_a_collapse_stops_the_run(settings, pairs):
    without_restarts = TRAINING.model_copy(update={"restart_below": None})
    config = Config(model=MODEL, training=without_restarts, health=TokenizerHealth(least_usage=1.0))
    with pytest.raises(CollapsedCodesError, match=r"fewer than vqgan\.health\.least_usage \(100%\).*: train it longer"):
        train_vqgan(config, settings, pairs=pairs)


def test_the_perceptual_network_enters_by_its_content(settings, pairs, tmp_path: Path):
    network = tmp_path / "network.pt"
    config = Config(model=MODEL, training=VQGANTrainingConfig(perceptual_network=str(network)))
    with pytest.raises(ConfigError, match=r"no file .*network\.pt"):
        train_vqgan.artifact(config, settings, pairs=pairs)
    network.write_bytes(b"one network")
    one = train_vqgan.artifact(config, settings, pairs=pairs)
    network.write_bytes(b"another")
    assert train_vqgan.artifact(config, settings, pairs=pairs) != one
