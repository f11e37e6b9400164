"""Released weights load by the names they were published under. The names are written out here, not taken from us."""

import pytest
import torch
from torch import Tensor

from models.training.errors import CheckpointError
from models.vqgan.config import VQGANModelConfig
from models.vqgan.model import VQGAN
from models.vqgan.released import from_released

WIDTHS, BLOCKS, SIZE, LATENT, LENGTH, CODES = (8, 16, 16), 1, 32, 6, 5, 12
ATTENTION_LEVEL = 2


def published_shapes(
    widths: tuple[int, ...], blocks: int, attention_level: int, latent: int, length: int, codes: int
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of VQModel's tensors without its loss."""
    shapes: dict[str, tuple[int, ...]] = {"quantize.embedding.weight": (codes, length)}

    def layer(name: str, *weight: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = weight, weight[:1]

    def block(name: str, inputs: int, outputs: int) -> None:
        layer(f"{name}.norm1", inputs)
        layer(f"{name}.conv1", outputs, inputs, 3, 3)
        layer(f"{name}.norm2", outputs)
        layer(f"{name}.conv2", outputs, outputs, 3, 3)
        if inputs != outputs:
            layer(f"{name}.nin_shortcut", outputs, inputs, 1, 1)

    def attention(name: str, channels: int) -> None:
        layer(f"{name}.norm", channels)
        for part in ("q", "k", "v", "proj_out"):
            layer(f"{name}.{part}", channels, channels, 1, 1)

    def middle(name: str) -> None:
        block(f"{name}.block_1", widths[-1], widths[-1])
        attention(f"{name}.attn_1", widths[-1])
        block(f"{name}.block_2", widths[-1], widths[-1])

    layer("encoder.conv_in", widths[0], 3, 3, 3)
    inputs = widths[0]
    for level, width in enumerate(widths):
        for i in range(blocks):
            block(f"encoder.down.{level}.block.{i}", inputs, width)
            inputs = width
            if level == attention_level:
                attention(f"encoder.down.{level}.attn.{i}", width)
        if level < len(widths) - 1:
            layer(f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
    middle("encoder.mid")
    layer("encoder.norm_out", widths[-1])
    layer("encoder.conv_out", latent, widths[-1], 3, 3)
    layer("quant_conv", length, latent, 1, 1)
    layer("post_quant_conv", latent, length, 1, 1)
    layer("decoder.conv_in", widths[-1], latent, 3, 3)
    middle("decoder.mid")
    for level, width in reversed(list(enumerate(widths))):
        for i in range(blocks + 1):
            block(f"decoder.up.{level}.block.{i}", inputs, width)
            inputs = width
            if level == attention_level:
                attention(f"decoder.up.{level}.attn.{i}", width)
        if level > 0:
            layer(f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    layer("decoder.norm_out", widths[0])
    layer("decoder.conv_out", 3, widths[0], 3, 3)
    return shapes


@pytest.fixture
def released() -> dict[str, Tensor]:
    """A small checkpoint as the authors would have released it."""
    torch.manual_seed(0)
    shapes = published_shapes(WIDTHS, BLOCKS, ATTENTION_LEVEL, LATENT, LENGTH, CODES)
    return {name: torch.randn(shape) for name, shape in shapes.items()} | {
        "loss.discriminator.main.0.weight": torch.zeros(64, 3, 4, 4),
        "loss.perceptual_loss.scaling_layer.shift": torch.zeros(3),
    }


def test_the_published_network_has_the_published_tensors() -> None:
    with torch.device("meta"):
        model = VQGAN(VQGANModelConfig())
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert ours == published_shapes((128, 128, 256, 256, 512), 2, 4, 256, 256, 1024)
    assert len(ours) == 343
    assert sum(tensor.numel() for tensor in model.state_dict().values()) == 72_141_699
    assert ours["quantize.embedding.weight"] == (1024, 256)
    assert ours["encoder.down.4.attn.1.proj_out.weight"] == (512, 512, 1, 1)
    assert ours["decoder.up.1.block.0.nin_shortcut.weight"] == (128, 256, 1, 1)


def test_a_released_checkpoint_says_its_layout_and_loads_without_its_losses(released: dict[str, Tensor]) -> None:
    model = from_released(released, image_size=SIZE)
    assert model.config == VQGANModelConfig(
        image_size=SIZE,
        vocab_size=CODES,
        channels=8,
        channel_factors=(1, 2, 2),
        blocks_per_level=BLOCKS,
        attention_sizes=(8,),
        latent_channels=LATENT,
        code_length=LENGTH,
    )
    assert all(torch.equal(tensor, released[name]) for name, tensor in model.state_dict().items())
    assert not model.training
    codes = model.encode(torch.rand(2, 3, SIZE, SIZE))
    assert model.decode(codes).shape == (2, 3, SIZE, SIZE)


@pytest.mark.parametrize(
    "missing", ["decoder.up.1.block.1.conv2.bias", "quant_conv.weight", "encoder.down.1.block.0.conv1.weight"]
)
def test_a_missing_tensor_is_an_error(released: dict[str, Tensor], missing: str) -> None:
    del released[missing]
    with pytest.raises(CheckpointError):
        from_released(released, image_size=SIZE)


def test_a_tensor_too_many_is_an_error(released: dict[str, Tensor]) -> None:
    released["colorize"] = torch.zeros(3, 2)
    with pytest.raises(CheckpointError, match="colorize"):
        from_released(released, image_size=SIZE)


def test_the_network_of_a_variational_autoencoder_is_refused(released: dict[str, Tensor]) -> None:
    released["encoder.conv_out.weight"] = torch.randn(2 * LATENT, WIDTHS[-1], 3, 3)
    with pytest.raises(CheckpointError, match=r"encoder\.conv_out\.weight"):
        from_released(released, image_size=SIZE)
