"""Released weights give the outputs of the network they were released with, which runs beside ours here."""

import pytest
import torch
from torch import Tensor

from models.dvae.config import DVAEModelConfig
from models.dvae.model import DVAE
from models.dvae.released import from_released
from models.training.errors import CheckpointError

package = pytest.importorskip("dall_e", reason="pip install --no-deps DALL-E==0.1")

FULL = {}
SMALL = {"n_hid": 64, "n_blk_per_group": 1, "vocab_size": 512}
OTHER = {"n_hid": 80, "n_blk_per_group": 3, "vocab_size": 700}


def networks(layout: dict[str, int], n_init: int = 128) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The package's encoder and decoder with random weights and, unlike its own, random biases."""
    torch.manual_seed(0)
    pair = package.Encoder(**layout), package.Decoder(**layout, n_init=n_init)
    for network in pair:
        for name, parameter in network.named_parameters():
            if name.endswith(".b"):
                parameter.data.normal_()
    return pair


def largest_difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1))


@pytest.mark.parametrize(
    ("layout", "n_init", "size"), [(FULL, 128, 64), (SMALL, 128, 64), (OTHER, 12, 40)], ids=["full", "small", "other"]
)
@torch.no_grad()
def test_outputs_are_those_of_the_package(layout: dict[str, int], n_init: int, size: int) -> None:
    encoder, decoder = networks(layout, n_init)
    model = from_released(encoder.state_dict(), decoder.state_dict(), image_size=size)
    images = torch.rand(2, 3, size, size)
    logits = encoder(package.map_pixels(images))
    assert largest_difference(model.logits(images), logits) <= 1e-5
    codes = logits.argmax(1)
    assert torch.equal(model.encode(images), codes.flatten(1))
    one_hot = torch.nn.functional.one_hot(codes, logits.shape[1]).permute(0, 3, 1, 2).float()
    for weights, (mu, log_scale) in (
        (one_hot, model.decode_hard(codes.flatten(1))),
        (logits.softmax(1), model.decode_soft(logits.softmax(1))),
    ):
        theirs = decoder(weights)
        assert largest_difference(torch.cat((mu, log_scale), 1), theirs) <= 1e-5
    shown = package.unmap_pixels(torch.sigmoid(decoder(one_hot)[:, :3]))
    torch.testing.assert_close(model.decode(codes.flatten(1)), shown, atol=1e-5, rtol=0)


def test_the_published_layout_is_the_default_and_has_74_and_76_tensors() -> None:
    with torch.device("meta"):
        ours = DVAE(DVAEModelConfig()).state_dict()
    assert sum(name.startswith("encoder.") for name in ours) == 74
    assert sum(name.startswith("decoder.") for name in ours) == 76


def test_the_layout_is_read_off_the_tensors() -> None:
    encoder, decoder = networks(OTHER, n_init=12)
    config = from_released(encoder.state_dict(), decoder.state_dict(), image_size=40).config
    assert config == DVAEModelConfig(image_size=40, vocab_size=700, hidden=80, blocks_per_group=3, decoder_init=12)


@torch.no_grad()
def test_the_code_book_of_flava_is_the_same_encoder_under_other_names() -> None:
    from transformers.models.flava.configuration_flava import FlavaImageCodebookConfig
    from transformers.models.flava.modeling_flava import FlavaImageCodebook

    torch.manual_seed(0)
    flava = FlavaImageCodebook(FlavaImageCodebookConfig(hidden_size=64, num_blocks_per_group=1, vocab_size=512)).eval()
    _, decoder = networks(SMALL)
    names = flava.state_dict()
    assert len(names) > 40
    whole = {f"image_codebook.{name}": tensor for name, tensor in names.items()}  # as in FLAVA's own checkpoint
    images = torch.rand(2, 3, 32, 32)
    for weights in (names, whole):
        model = from_released(weights, decoder.state_dict(), image_size=32)
        assert largest_difference(model.logits(images), flava(package.map_pixels(images))) <= 1e-5
        assert torch.equal(model.encode(images), flava.get_codebook_indices(package.map_pixels(images)).flatten(1))


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("encoder", "blocks.group_3.block_1.id_path.w"),
        ("encoder", "blocks.output.conv.b"),
        ("encoder", "blocks.input.w"),
        ("decoder", "blocks.group_1.block_1.res_path.conv_4.b"),
        ("decoder", "blocks.input.w"),
    ],
)
def test_a_missing_tensor_is_an_error(part: str, name: str) -> None:
    both = {"encoder": networks(SMALL)[0].state_dict(), "decoder": networks(SMALL)[1].state_dict()}
    del both[part][name]
    with pytest.raises(CheckpointError):
        from_released(**both)


def test_a_tensor_too_many_is_an_error() -> None:
    encoder, decoder = networks(SMALL)
    with pytest.raises(CheckpointError, match="colorize"):
        from_released({**encoder.state_dict(), "colorize": torch.zeros(3, 2)}, decoder.state_dict())


def test_a_decoder_of_another_code_book_is_an_error() -> None:
    encoder, _ = networks(SMALL)
    _, decoder = networks(SMALL | {"vocab_size": 600})
    with pytest.raises(CheckpointError, match=r"decoder\.input\.weight"):
        from_released(encoder.state_dict(), decoder.state_dict())


def test_weights_of_something_else_are_an_error() -> None:
    with pytest.raises(CheckpointError, match="block_1"):
        from_released({"fc.weight": torch.zeros(2, 2)}, {})


def test_an_image_size_that_the_grid_does_not_divide_is_an_error() -> None:
    encoder, decoder = networks(SMALL)
    with pytest.raises(CheckpointError, match="250 is not a multiple of the downsampling factor 8"):
        from_released(encoder.state_dict(), decoder.state_dict(), image_size=250)
