"""Checkpoints are written atomically and checked strictly when they are read."""

from pathlib import Path

import pytest
import torch

from models.dvae.config import DVAEModelConfig
from models.dvae.model import DVAE
from models.tokenizer import load_tokenizer
from models.training.checkpoint import read_tensors, save_model, write_json, write_tensors
from models.training.errors import CheckpointError

SMALL = DVAEModelConfig(image_size=8, vocab_size=5, hidden=4, groups=2, blocks_per_group=1, decoder_init=3)


def test_a_model_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    model = DVAE(SMALL)
    save_model(tmp_path, model.state_dict(), SMALL)
    again = load_tokenizer(tmp_path)
    assert again.config == SMALL
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change: str) -> None:
    tensors = dict(DVAE(SMALL).state_dict())
    if change == "missing":
        del tensors["decoder.output.bias"]
    elif change == "extra":
        tensors["spare"] = torch.zeros(1)
    else:
        tensors["decoder.output.bias"] = torch.zeros(7)
    save_model(tmp_path, tensors, SMALL)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        load_tokenizer(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, DVAE(SMALL).state_dict(), SMALL)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError):
        load_tokenizer(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_tokenizer(tmp_path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    write_json(path, {"step": 1})
    with pytest.raises(TypeError):
        write_json(path, {"step": object()})
    assert path.read_text() == '{\n "step": 1\n}\n'


def test_tensors_and_metadata_are_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "state" / "state.safetensors"
    write_tensors(path, {"a": torch.arange(6).view(2, 3).T, "b": torch.tensor(2.5)}, {"run": "text"})
    tensors, metadata = read_tensors(path)
    assert torch.equal(tensors["a"], torch.arange(6).view(2, 3).T)
    assert tensors["b"] == 2.5
    assert metadata == {"run": "text"}
    assert [file.name for file in path.parent.iterdir()] == ["state.safetensors"]
