"""What every kind of image tokenizer must do: shapes, ranges, codes that depend on the image alone, loading."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.dvae.config import DVAEModelConfig
from models.dvae.model import DVAE
from models.dvae.standardise import LogitStandardiser
from models.tokenizer import TOKENIZERS, ImageTokenizer, decode_codes, encode_images, load_tokenizer
from models.training.checkpoint import save_model
from models.training.errors import CheckpointError
from models.vqgan.config import VQGANModelConfig
from models.vqgan.model import VQGAN


def paper_dvae() -> ImageTokenizer:
    layout = {"image_size": 16, "vocab_size": 11, "hidden": 8, "groups": 3, "blocks_per_group": 1, "decoder_init": 6}
    model = DVAE(DVAEModelConfig.model_validate(layout | {"post_gain": 1.0})).eval()
    model.encoder.output.bias.data.sub_(
        model.raw_logits(torch.rand(8, 3, 16, 16)).mean((0, 2, 3))
    )  # more than one code
    return model


def demo_dvae() -> ImageTokenizer:
    layout = {"image_size": 24, "vocab_size": 11, "hidden": 8, "groups": 2, "blocks_per_group": 1, "decoder_init": 6}
    ours = {"stem": "unshuffle", "unshuffle_factor": 3, "standardise_logits": True, "min_log_scale": -1.0}
    model = DVAE(DVAEModelConfig.model_validate(layout | ours)).eval()
    assert isinstance(model.standardise, LogitStandardiser)
    model.standardise.measure([model.raw_logits(torch.rand(8, 3, 24, 24))])
    return model


def vqgan() -> ImageTokenizer:
    layout = {"image_size": 16, "vocab_size": 11, "channels": 8, "channel_factors": (1, 2), "blocks_per_level": 1}
    more = {"attention_sizes": (8,), "latent_channels": 6, "code_length": 4}
    return VQGAN(VQGANModelConfig.model_validate(layout | more)).eval()


KINDS = {"dvae": paper_dvae, "dvae with a small stem": demo_dvae, "vqgan": vqgan}


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> ImageTokenizer:
    torch.manual_seed(0)
    return KINDS[request.param]().requires_grad_(False)


def _images(model: ImageTokenizer, count: int) -> np.ndarray:
    size = model.config.image_size
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_every_kind_is_tested_here() -> None:
    assert {make().config.kind for make in KINDS.values()} == TOKENIZERS.keys()


def test_images_become_codes_and_images_again(tokenizer: ImageTokenizer) -> None:
    c = tokenizer.config
    images = torch.rand(2, 3, c.image_size, c.image_size)
    codes = tokenizer.encode(images)
    assert (codes.shape, codes.dtype) == ((2, c.grid**2), torch.int64)
    assert 0 <= codes.min().item() <= codes.max().item() < c.vocab_size
    rebuilt = tokenizer.decode(codes)
    assert (rebuilt.shape, rebuilt.dtype) == (images.shape, torch.float32)
    assert 0 <= rebuilt.min().item() <= rebuilt.max().item() <= 1


def test_an_images_codes_do_not_depend_on_the_batch(tokenizer: ImageTokenizer) -> None:
    images = _images(tokenizer, 6)
    together = encode_images(tokenizer, images)
    alone = np.concatenate([encode_images(tokenizer, image[None]) for image in images])
    assert len(np.unique(together)) > 1
    assert np.array_equal(together, alone)
    assert np.array_equal(together, encode_images(tokenizer, images, batch_size=4))
    assert together.dtype == np.uint16


def test_decoded_codes_are_pixels(tokenizer: ImageTokenizer) -> None:
    c = tokenizer.config
    codes = np.random.default_rng(1).integers(0, c.vocab_size, (5, c.codes_per_image)).astype(np.uint16)
    pixels = decode_codes(tokenizer, codes, batch_size=2)
    assert pixels.shape == (5, c.image_size, c.image_size, 3)
    assert pixels.dtype == np.uint8


def test_images_of_another_size_and_codes_of_another_model_are_refused(tokenizer: ImageTokenizer) -> None:
    n, vocab = tokenizer.config.codes_per_image, tokenizer.config.vocab_size
    with pytest.raises(ValueError, match="do not fit"):
        encode_images(tokenizer, np.zeros((1, 10, 10, 3), np.uint8))
    with pytest.raises(ValueError, match="do not fit"):
        decode_codes(tokenizer, np.zeros((1, n + 1), np.uint16))
    with pytest.raises(ValueError, match="beyond the vocabulary"):
        decode_codes(tokenizer, np.full((1, n), vocab, np.uint16))


def test_no_images_give_no_codes(tokenizer: ImageTokenizer) -> None:
    assert encode_images(tokenizer, _images(tokenizer, 0)).shape == (0, tokenizer.config.codes_per_image)


def test_a_tokenizer_is_found_by_the_kind_its_folder_names(tokenizer: ImageTokenizer, tmp_path: Path) -> None:
    save_model(tmp_path, tokenizer.state_dict(), tokenizer.config)
    again = load_tokenizer(tmp_path)
    assert type(again) is type(tokenizer)
    assert again.config == tokenizer.config
    assert np.array_equal(encode_images(again, _images(again, 2)), encode_images(tokenizer, _images(again, 2)))


@pytest.mark.parametrize("content", ['{"kind": "rqvae"}', "{}", "[]", "no json", None])
def test_a_folder_of_no_known_kind_is_refused(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"known are dvae|not the configuration of a model"):
        load_tokenizer(tmp_path)
