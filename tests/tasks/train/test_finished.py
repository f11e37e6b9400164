"""A folder that `dalle export` wrote takes the place of all trainings, and counts by its content."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.tables import artifact
from support.tiny_models import CODES, tiny_ranker, write_generator

from models import generator
from models.folder import ModelManifest, describe_files
from models.training.errors import CheckpointError
from tasks.checkpoints import generator_of, ranker_of, tokenizer_of
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.settings import Settings
from tasks.train.finished import Config, other_training, take_generator, take_ranker, take_tokenizer, training_set


def write_list(folder: Path, trained_on: str = "1") -> None:
    manifest = ModelManifest(made_from={"trained_on": trained_on}, files=describe_files(folder))
    storage.write_json(str(folder / "model.json"), manifest.model_dump(mode="json"))


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    write_generator(folder)
    ranker = tiny_ranker(settings)
    for record in ranker.manifest().outputs:
        storage.write_bytes(str(folder / "ranker" / record.path), ranker.read(record.path))
    (folder / "README.md").write_text("a model")
    write_list(folder)
    return folder


def address(folder: Path, settings: Settings) -> str:
    return take_generator.artifact(Config(pretrained=str(folder)), settings).address


def test_the_three_artifacts_are_what_the_evaluation_reads(settings: Settings, folder: Path) -> None:
    config = Config(pretrained=str(folder))
    taken = take_generator(config, settings).artifact
    here, there = generator_of(taken, settings), generator.load(folder)
    drawn = [each.draw(["a red apple"], 2, seed=1).images for each in (here, there)]
    assert np.array_equal(*drawn)
    assert not [file.path for file in taken.manifest().outputs if file.path.startswith(("ranker", "README"))]
    tokenizer = take_tokenizer(config, settings).artifact
    assert tokenizer_of(tokenizer, settings).config.vocab_size == CODES == tokenizer.manifest().metrics["vocab_size"]
    ranker = ranker_of(take_ranker(config, settings).artifact, settings)
    assert len(ranker.embed_captions(["a red apple"])) == 1


def test_the_address_depends_on_the_models_and_not_on_their_place_or_card(settings: Settings, folder: Path) -> None:
    first = address(folder, settings)
    moved = shutil.copytree(folder, folder.with_name("moved"))
    (moved / "README.md").write_text("another card")
    write_list(moved)
    assert address(moved, settings) == first
    write_list(moved, trained_on="2")
    assert address(moved, settings) != first
    write_generator(moved, seed=1)
    write_list(moved)
    assert address(moved, settings) != first


def test_a_damaged_folder_is_one_sentence_and_no_artifact(settings: Settings, folder: Path) -> None:
    (folder / "ranker" / "config.json").write_text("{}")
    config = Config(pretrained=str(folder))
    for stage in (take_generator, take_ranker):
        with pytest.raises(CheckpointError, match=r"ranker/config\.json is not the file that was exported"):
            stage(config, settings)
        assert not stage.artifact(config, settings).is_finished()


def test_a_folder_without_a_ranker_is_told(settings: Settings, folder: Path) -> None:
    shutil.rmtree(folder / "ranker")
    write_list(folder)
    with pytest.raises(CheckpointError, match="holds no ranker: export the models again"):
        take_ranker(Config(pretrained=str(folder)), settings)


def test_no_folder_is_one_sentence(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"named in models\.pretrained"):
        take_generator(Config(), settings)
    with pytest.raises(CheckpointError, match="there is no such folder"):
        address(tmp_path / "nothing", settings)


def packed(settings: Settings, count: int, shards: int) -> Artifact:
    """So many pairs, from so many shards of images."""
    rows = [{"url": f"https://example.com/{number}.png", "image": b"an image"} for number in range(count)]
    images = artifact("images", settings, *(rows[first::shards] for first in range(shards)))
    return pack(PackConfig(pairs_per_shard=4), settings, images=images).artifact


def test_models_of_other_or_unknown_pairs_may_have_seen_what_is_held_out(settings: Settings) -> None:
    one, again, fewer = packed(settings, 20, 1), packed(settings, 20, 3), packed(settings, 15, 1)
    assert one.address != again.address
    assert other_training(training_set(one), again) is None
    assert f"other pairs than those of {fewer.address}" in str(other_training(training_set(one), fewer))
    assert "not known" in str(other_training("", one))
