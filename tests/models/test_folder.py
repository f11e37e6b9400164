"""A model folder tells a missing or changed file in one sentence, and names itself by its content."""

import json
from pathlib import Path

import pytest

from models.files import MODEL_MANIFEST
from models.folder import ModelManifest, check_folder, describe_files, read_manifest
from models.training.errors import CheckpointError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ranker").mkdir()
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    (tmp_path / "ranker" / "config.json").write_bytes(b"{}")
    write(tmp_path, describe_files(tmp_path))
    return tmp_path


def write(folder: Path, files: dict) -> None:
    (folder / MODEL_MANIFEST).write_text(ModelManifest(files=files).model_dump_json())


def test_a_whole_folder_passes_and_its_list_is_not_in_the_list(folder: Path) -> None:
    check_folder(folder)
    assert set(describe_files(folder)) == {"weights.safetensors", "ranker/config.json"}


def test_a_changed_file_is_named(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"weightz")
    with pytest.raises(CheckpointError, match=r"weights\.safetensors is not the file that was exported"):
        check_folder(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "ranker" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"ranker/config\.json is missing: copy the model folder again"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd"])
def test_a_list_with_a_file_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    write(folder, {name: describe_files(folder)["weights.safetensors"]})
    with pytest.raises(CheckpointError, match="not in its folder"):
        check_folder(folder)


def test_a_trainers_folder_without_a_list_is_not_checked(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    check_folder(tmp_path)


def test_a_folder_that_is_none_and_one_without_a_list_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such folder"):
        read_manifest(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match=r"it has no model\.json"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1, "files": {"a": 1}}'])
def test_a_list_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / MODEL_MANIFEST).write_text(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_list_of_a_later_format_is_told(tmp_path: Path) -> None:
    (tmp_path / MODEL_MANIFEST).write_text(json.dumps({"format": 2, "parts": []}))
    with pytest.raises(CheckpointError, match="of format 2, and this version reads format 1"):
        read_manifest(tmp_path)


def test_another_content_is_another_digest(folder: Path) -> None:
    before = read_manifest(folder).digest
    (folder / "weights.safetensors").write_bytes(b"weightz")
    write(folder, describe_files(folder))
    assert read_manifest(folder).digest != before
