"""A published CLIP enters the fingerprint by its content."""

from pathlib import Path

import pytest
from support.tables import artifact

from tasks.errors import SourceError
from tasks.settings import Settings
from tasks.train.clip import Config, train_clip


@pytest.fixture
def folder(tmp_path) -> Path:
    published = tmp_path / "clip"
    published.mkdir()
    (published / "config.json").write_text("{}")
    (published / "weights").write_bytes(b"12345")
    return published


def address(folder: Path, settings: Settings) -> str:
    nothing = artifact("images", settings, [])
    return train_clip.artifact(Config(pretrained=str(folder)), settings, pairs=nothing, bpe=nothing).address


def test_other_weights_in_the_same_folder_are_another_artifact(settings, folder):
    before = address(folder, settings)
    (folder / "weights").write_bytes(b"12346")
    assert address(folder, settings) != before


def test_a_file_that_moved_to_another_name_is_another_artifact(settings, folder):
    before = address(folder, settings)
    (folder / "weights").rename(folder / "weights.old")
    assert address(folder, settings) != before


def test_touched_files_and_those_a_system_hides_change_nothing(settings, folder):
    before = address(folder, settings)
    (folder / "weights").touch()
    (folder / ".DS_Store").write_text("where the icons stand")
    assert address(folder, settings) == before


def test_a_folder_that_moved_is_the_same_artifact(settings, folder):
    before = address(folder, settings)
    assert address(folder.rename(folder.with_name("moved")), settings) == before


@pytest.mark.parametrize("name", ["config.json", "."])
def test_a_folder_without_a_model_is_one_sentence_before_anything_starts(settings, folder, name):
    (folder / "config.json").unlink()
    with pytest.raises(SourceError, match="holds no published model"):
        address(folder / name, settings)
