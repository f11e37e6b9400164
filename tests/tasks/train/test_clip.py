"""A published CLIP, from a folder or from a hub, takes the place of a training and counts by its content."""

import shutil
from functools import partial
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.hub import COMMIT, hub
from support.tables import artifact
from support.tiny_models import write_published_clip

from models.clip.config import CLIPTrainingConfig
from models.training.images import encode_png
from tasks.engine.artifact import Artifact
from tasks.errors import SourceError
from tasks.rerank import score_images
from tasks.settings import Settings
from tasks.train import published
from tasks.train.clip import Config, train_clip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_published_clip(tmp_path / "clip")
    return tmp_path / "clip"


@pytest.fixture(autouse=True)
def _cache_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes this machine's own copies of models, or asks a hub outside it."""
    published._from_hub.cache_clear()
    away = partial(huggingface_hub.snapshot_download, cache_dir=tmp_path / "hub", endpoint="http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", away)


def at_hub(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", partial(huggingface_hub.snapshot_download, endpoint=address)
    )
    published._from_hub.cache_clear()


def made(name: str | Path, settings: Settings) -> Artifact:
    nothing = artifact("images", settings, [])
    return train_clip(Config(pretrained=str(name)), settings, pairs=nothing, bpe=nothing).artifact


def address(name: str | Path, settings: Settings, **config) -> str:
    nothing = artifact("images", settings, [])
    return train_clip.artifact(Config(pretrained=str(name), **config), settings, pairs=nothing, bpe=nothing).address


def test_other_weights_in_the_same_folder_are_another_artifact(settings, folder):
    before = address(folder, settings)
    write_published_clip(folder, seed=1)
    assert address(folder, settings) != before


def test_a_tokenizer_that_reads_otherwise_is_another_artifact(settings, folder):
    before = address(folder, settings)
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"frog"', '"toad"'))
    assert address(folder, settings) != before


def test_touched_files_and_those_that_are_not_the_models_change_nothing(settings, folder):
    before = address(folder, settings)
    (folder / "model.safetensors").touch()
    for other in (".DS_Store", "README.md", "flax_model.msgpack", "pytorch_model.bin"):
        (folder / other).write_text("not read")
    assert address(folder, settings) == before
    assert "pytorch_model.bin" not in {record.path for record in made(folder, settings).manifest().outputs}


def test_a_folder_that_moved_is_the_same_artifact(settings, folder):
    before = address(folder, settings)
    assert address(folder.rename(folder.with_name("moved")), settings) == before


def test_settings_of_a_training_that_does_not_happen_change_nothing(settings, folder):
    training = CLIPTrainingConfig(steps=1_000_000)
    assert address(folder, settings, training=training) == address(folder, settings)


def test_the_published_model_is_the_one_that_scores(settings, folder):
    pictures = [encode_png(np.random.default_rng(i).integers(0, 256, (20, 20, 3), dtype=np.uint8)) for i in range(3)]
    ranker = made(folder, settings)
    assert ranker.manifest().metrics["model"] == "clip"
    first = score_images(settings, ranker, pictures, ["a red apple"] * 3)
    write_published_clip(folder, seed=1)
    second = score_images(settings, made(folder, settings), pictures, ["a red apple"] * 3)
    assert len(set(first.tolist())) == 3
    assert not np.allclose(first, second)


@pytest.mark.parametrize("name", ["config.json", "."])
def test_a_folder_without_a_model_is_one_sentence_before_anything_starts(settings, folder, name):
    (folder / "config.json").unlink()
    with pytest.raises(SourceError, match=r"holds no published model .* in clip\.pretrained\."):
        address(folder / name, settings)


def test_pickles_are_refused_in_a_sentence(settings, folder):
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(SourceError, match="a pickle is not opened because it can run code"):
        address(folder, settings)


@pytest.mark.parametrize(("config", "said"), [('{"model_type": "bert"}', "type 'bert'"), ("[", "not the config")])
def test_what_is_no_clip_is_one_sentence(settings, folder, config, said):
    (folder / "config.json").write_text(config)
    with pytest.raises(SourceError, match=said):
        address(folder, settings)


def test_a_models_name_on_the_hub_gives_the_artifact_of_its_files(settings, folder, monkeypatch):
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    asked: list[str] = []
    with hub({"acme/tiny-clip": folder}, asked) as found:
        at_hub(found, monkeypatch)
        there = made("acme/tiny-clip", settings)
    assert there.address == address(folder, settings)
    assert there.manifest().metrics["model"] == f"acme/tiny-clip@{COMMIT[:12]}"
    assert not any("pytorch_model.bin" in path for path in asked)


def test_one_run_sees_one_revision_and_asks_once(settings, folder, monkeypatch):
    asked: list[str] = []
    with hub({"acme/tiny-clip": folder}, asked) as found:
        at_hub(found, monkeypatch)
        before = address("acme/tiny-clip", settings)
        count = len(asked)
        assert address("acme/tiny-clip", settings) == before
    assert len(asked) == count


def test_a_revision_can_be_named(settings, folder, monkeypatch):
    with hub({"acme/tiny-clip": folder}) as found:
        at_hub(found, monkeypatch)
        assert address(f"acme/tiny-clip@{COMMIT}", settings) == address(folder, settings)
        with pytest.raises(SourceError, match="no such model came from the hub"):
            address("acme/tiny-clip@v9", settings)


def test_what_was_fetched_before_is_used_where_the_hub_cannot_be_reached(settings, folder, monkeypatch):
    away = huggingface_hub.snapshot_download
    with hub({"acme/tiny-clip": folder}) as found:
        at_hub(found, monkeypatch)
        before = address("acme/tiny-clip", settings)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", away)
    published._from_hub.cache_clear()
    assert address("acme/tiny-clip", settings) == before


def test_a_name_that_cannot_be_reached_is_one_sentence_with_the_remedy(settings):
    with pytest.raises(SourceError) as told:
        address("acme/tiny-clip", settings)
    message = str(told.value)
    assert message.startswith("There is no folder acme/tiny-clip, and no such model came from the hub (")
    assert message.endswith("or fetch the model elsewhere and name its folder in clip.pretrained.")
    assert "\n" not in message


def test_a_model_that_the_hub_does_not_have_is_the_same_sentence(settings, folder, monkeypatch):
    with hub({"acme/tiny-clip": folder}) as found:
        at_hub(found, monkeypatch)
        with pytest.raises(SourceError, match="There is no folder acme/tinny-clip, and no such model"):
            address("acme/tinny-clip", settings)


def test_a_folder_goes_before_a_model_of_its_name(settings, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    shutil.copytree(folder, Path("acme/tiny-clip"))
    assert address("acme/tiny-clip", settings) == address(folder, settings)
