"""The published pickles are read and never run. They are made here by the package whose modules they hold."""

import hashlib
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.dvae.pickles import import_released, read_released
from models.tokenizer import load_tokenizer
from models.training.errors import CheckpointError

package = pytest.importorskip("dall_e", reason="pip install --no-deps DALL-E==0.1")

LAYOUT = {"n_hid": 64, "n_blk_per_group": 1, "vocab_size": 512}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with encoder.pkl and decoder.pkl: whole modules, as published, of a small network."""
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(0)
    torch.save(package.Encoder(**LAYOUT), folder / "encoder.pkl")
    torch.save(package.Decoder(**LAYOUT), folder / "decoder.pkl")
    return folder


@torch.no_grad()
def test_the_published_pickles_become_a_model_folder(published: Path, tmp_path: Path) -> None:
    import_released(published / "encoder.pkl", published / "decoder.pkl", tmp_path / "dvae", image_size=32)
    model = load_tokenizer(tmp_path / "dvae")
    images = torch.rand(1, 3, 32, 32)
    encoder = torch.load(published / "encoder.pkl", weights_only=False)
    assert torch.equal(model.encode(images), encoder(package.map_pixels(images)).argmax(1).flatten(1))
    digest = hashlib.sha256((published / "decoder.pkl").read_bytes()).hexdigest()
    source = json.loads((tmp_path / "dvae" / "source.json").read_text())
    assert source["decoder"] == {"file": "decoder.pkl", "sha256": digest}


def test_a_pickle_gives_the_tensors_of_its_module(tmp_path: Path) -> None:
    encoder = package.Encoder(**LAYOUT)
    torch.save(encoder, tmp_path / "encoder.pkl")
    read = read_released(tmp_path / "encoder.pkl")
    assert read.keys() == encoder.state_dict().keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in encoder.state_dict().items())


@pytest.mark.parametrize("kind", ["state dict", "safetensors"])
def test_state_dicts_are_read_too(tmp_path: Path, kind: str) -> None:
    weights = package.Encoder(**LAYOUT).state_dict()
    path = tmp_path / ("model.safetensors" if kind == "safetensors" else "model.bin")
    save_file(weights, path) if kind == "safetensors" else torch.save(weights, path)
    assert read_released(path).keys() == weights.keys()


class Touch:
    """What a hostile pickle does: it asks its reader to run a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.path}",)


class Stranger(torch.nn.Module):
    """A module of another package."""


@pytest.mark.parametrize("where", ["alone", "in a module", "in its parameters", "plain pickle"])
def test_a_pickle_that_asks_for_a_command_is_refused_and_nothing_is_run(tmp_path: Path, where: str) -> None:
    trace, path = tmp_path / "it-was-run", tmp_path / "encoder.pkl"
    encoder = package.Encoder(**LAYOUT)
    content: object = encoder
    match where:
        case "alone" | "plain pickle":
            content = Touch(trace)
        case "in a module":
            encoder.blocks.group_1.extra = Touch(trace)
        case "in its parameters":
            encoder.__dict__["_parameters"]["extra"] = Touch(trace)
    if where == "plain pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"encoder\.pkl is not read") as refused:
        read_released(path)
    assert "system" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not trace.exists()


def test_a_module_of_another_package_is_refused_by_its_name(tmp_path: Path) -> None:
    encoder = package.Encoder(**LAYOUT)
    encoder.blocks.extra = Stranger()
    torch.save(encoder, tmp_path / "encoder.pkl")
    with pytest.raises(CheckpointError, match="Stranger, which is no part of a released dVAE"):
        read_released(tmp_path / "encoder.pkl")


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "text", "tensor", "circle"])
def test_a_damaged_file_is_one_sentence(published: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "encoder.pkl"
    whole = (published / "encoder.pkl").read_bytes()
    match damage:
        case "empty":
            path.touch()
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "text":
            path.write_text("<html>404</html>")
        case "tensor":
            torch.save(torch.zeros(3), path)
        case "circle":
            encoder = package.Encoder(**LAYOUT)
            encoder.blocks._modules["again"] = encoder
            torch.save(encoder, path)
    with pytest.raises(CheckpointError, match=r"encoder\.pkl is not read") as refused:
        read_released(path)
    assert "\n" not in str(refused.value)


def test_a_folder_in_use_is_not_written_over(published: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="holds files already"):
        import_released(published / "encoder.pkl", published / "decoder.pkl", tmp_path)
