"""What every image tokenizer keeps to, whatever its kind; a new kind is one entry of TINY."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.tokenizer import TOKENIZERS, ImageTokenizer, decode_codes, encode_images, load_tokenizer
from models.training.checkpoint import save_model
from models.training.errors import CheckpointError

TINY: dict[str, dict[str, Any]] = {
    "dvae": {"image_size": 16, "vocab_size": 9, "hidden": 8, "groups": 2, "blocks_per_group": 1, "decoder_init": 4},
}


def tiny(kind: str) -> ImageTokenizer:
    from importlib import import_module

    module, name = TOKENIZERS[kind]
    model_type = getattr(import_module(module), name)
    torch.manual_seed(0)
    return model_type(model_type.config_type(**TINY[kind])).eval()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)


def test_every_kind_is_held_to_this_contract() -> None:
    assert TINY.keys() == TOKENIZERS.keys()


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_images_become_a_grid_of_codes_and_codes_become_images(kind: str, images: np.ndarray) -> None:
    tokenizer = tiny(kind)
    codes = encode_images(tokenizer, images)
    assert codes.shape == (5, tokenizer.config.grid**2)
    assert codes.dtype == np.uint16
    assert codes.max() < tokenizer.config.vocab_size
    rebuilt = decode_codes(tokenizer, codes)
    assert rebuilt.shape == images.shape
    assert rebuilt.dtype == np.uint8


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_codes_of_an_image_do_not_depend_on_its_neighbours(kind: str, images: np.ndarray) -> None:
    tokenizer = tiny(kind)
    together = encode_images(tokenizer, images)
    assert np.array_equal(together, np.concatenate([encode_images(tokenizer, images[i : i + 1]) for i in range(5)]))
    assert np.array_equal(together, encode_images(tokenizer, images, batch_size=2))


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_saved_tokenizer_is_loaded_by_the_kind_its_config_names(
    kind: str, images: np.ndarray, tmp_path: Path
) -> None:
    tokenizer = tiny(kind)
    save_model(tmp_path, tokenizer.state_dict(), tokenizer.config)
    assert json.loads((tmp_path / "config.json").read_text())["kind"] == kind
    again = load_tokenizer(tmp_path)
    assert type(again) is type(tokenizer)
    assert np.array_equal(encode_images(again, images), encode_images(tokenizer, images))


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_images_and_codes_that_do_not_fit_are_refused(kind: str) -> None:
    tokenizer = tiny(kind)
    n, vocab = tokenizer.config.codes_per_image, tokenizer.config.vocab_size
    with pytest.raises(ValueError, match="do not fit a tokenizer of"):
        encode_images(tokenizer, np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="do not fit a tokenizer of"):
        decode_codes(tokenizer, np.zeros((1, n + 1), np.uint16))
    with pytest.raises(ValueError, match="beyond the vocabulary"):
        decode_codes(tokenizer, np.full((1, n), vocab, np.uint16))


@pytest.mark.parametrize("content", ['{"kind": "rqvae"}', "{}", "[]", "no json", None])
def test_a_folder_of_no_known_kind_is_refused(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"known are dvae|not the configuration of a model"):
        load_tokenizer(tmp_path)
