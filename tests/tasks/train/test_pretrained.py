"""A trained image tokenizer in a folder takes the place of a training, and counts by its content."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.finished_run import emoji_pairs
from support.tables import artifact

from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from models.dvae.model import DVAE
from models.training.checkpoint import save_model
from models.vqgan.config import VQGANModelConfig
from models.vqgan.model import VQGAN
from tasks import schemas
from tasks.checkpoints import tokenizer_of
from tasks.engine.artifact import Artifact
from tasks.errors import CollapsedCodesError, SourceError
from tasks.extract import Config as ExtractConfig
from tasks.extract import extract
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.settings import Settings
from tasks.train.dvae import Config, train_dvae
from tasks.train.health import DVAEHealth, TokenizerHealth
from tasks.train.trainer import image_sizes
from tasks.train.vqgan import Config as VQGANConfig
from tasks.train.vqgan import train_vqgan

LAYOUT = DVAEModelConfig(image_size=16, vocab_size=13, hidden=8, groups=3, blocks_per_group=1, decoder_init=6)
VQGAN_LAYOUT = VQGANModelConfig(
    image_size=16, vocab_size=9, channels=8, channel_factors=(1, 2), attention_sizes=(), latent_channels=4
)
UNCHECKED = DVAEHealth(check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(tmp_path / "released", DVAE(LAYOUT).state_dict(), LAYOUT)
    return tmp_path / "released"


@pytest.fixture
def pairs(settings: Settings) -> Artifact:
    return pack(PackConfig(val_fraction=0.3), settings, images=artifact("images", settings, emoji_pairs(6))).artifact


def address(config: Config, settings: Settings) -> str:
    return train_dvae.artifact(config, settings, pairs=artifact("images", settings, [])).address


def test_the_model_of_the_folder_is_the_one_that_encodes(settings: Settings, pairs: Artifact, folder: Path) -> None:
    made = train_dvae(Config(pretrained=str(folder), health=UNCHECKED), settings, pairs=pairs).artifact
    assert image_sizes(made) == (13, 4)
    ours = tokenizer_of(made, settings)
    torch.manual_seed(0)
    assert all(torch.equal(ours.state_dict()[name], tensor) for name, tensor in DVAE(LAYOUT).state_dict().items())
    tokens = extract(ExtractConfig(), settings, pairs=pairs, tokenizer=made).artifact
    codes = [code for uri in tokens.files("train") for code in schemas.read_table(uri)["codes"].to_pylist()]
    assert {len(np.frombuffer(code, "<u2")) for code in codes} == {16}
    assert max(np.frombuffer(code, "<u2").max() for code in codes) < 13


def test_a_vqgan_can_be_trained_already_too(settings: Settings, pairs: Artifact, tmp_path: Path) -> None:
    save_model(tmp_path / "vqgan", VQGAN(VQGAN_LAYOUT).state_dict(), VQGAN_LAYOUT)
    config = VQGANConfig(pretrained=str(tmp_path / "vqgan"), health=TokenizerHealth(check=False))
    made = train_vqgan(config, settings, pairs=pairs).artifact
    assert image_sizes(made) == (9, 8)


@pytest.mark.end_to_end
def test_a_model_that_collapses_on_these_images_is_refused_with_its_figures(
    settings: Settings, pairs: Artifact, folder: Path
) -> None:
    collapsed = DVAE(LAYOUT)
    torch.nn.init.zeros_(collapsed.encoder.output.weight)
    save_model(folder, collapsed.state_dict(), LAYOUT)
    with pytest.raises(CollapsedCodesError) as refused:
        train_dvae(Config(pretrained=str(folder)), settings, pairs=pairs)
    said = str(refused.value)
    assert re.search(r"rebuilds images with \d+\.\d dB, below dvae\.health\.least_psnr \(12\)", said)
    assert "says 0.000 nats in a cell, below dvae.health.least_kl (0.1)" in said
    remedy = "name another one in dvae.pretrained or models.start_from, or leave that out to train one on these images."
    assert said.endswith(f": {remedy}")


@pytest.mark.end_to_end
def test_a_model_within_the_limits_is_taken_with_its_figures(settings: Settings, pairs: Artifact, folder: Path) -> None:
    lenient = DVAEHealth(least_usage=0.0, least_perplexity=0.0, least_psnr=1.0, least_kl=0.0, most_elb_gap=100.0)
    made = train_dvae(Config(pretrained=str(folder), health=lenient), settings, pairs=pairs).artifact
    assert {"psnr", "usage", "kl_per_cell", "elb_gap", "grid"} <= made.manifest().metrics.keys()


def test_the_address_depends_on_the_content_and_not_on_the_place(settings: Settings, folder: Path) -> None:
    here = address(Config(pretrained=str(folder)), settings)
    there = folder.with_name("moved")
    shutil.copytree(folder, there)
    (there / "notes.txt").write_text("not part of the model")
    assert address(Config(pretrained=str(there)), settings) == here
    weights = there / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert address(Config(pretrained=str(there)), settings) != here


def test_settings_of_a_training_that_does_not_happen_change_nothing(settings: Settings, folder: Path) -> None:
    other = Config(pretrained=str(folder), training=DVAETrainingConfig(steps=2_000_000))
    assert address(other, settings) == address(Config(pretrained=str(folder)), settings)
    assert address(Config(training=other.training), settings) != address(Config(), settings)
    assert address(Config(pretrained=str(folder), health=UNCHECKED), settings) != address(other, settings)


@pytest.mark.parametrize("fault", ["no folder", "no weights", "no config", "another kind"])
def test_a_folder_without_such_a_model_is_one_sentence_before_anything_starts(
    settings: Settings, folder: Path, fault: str
) -> None:
    match fault:
        case "no folder":
            shutil.rmtree(folder)
        case "no weights":
            (folder / "weights.safetensors").unlink()
        case "no config":
            (folder / "config.json").unlink()
        case "another kind":
            (folder / "config.json").write_text(VQGAN_LAYOUT.model_dump_json())
    with pytest.raises(SourceError, match=r"released holds no trained dvae: name its folder in dvae\.pretrained\."):
        address(Config(pretrained=str(folder)), settings)
