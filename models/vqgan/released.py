"""Weights that the authors of the VQGAN released (github.com/CompVis/taming-transformers, class VQModel)."""

from collections.abc import Mapping

from torch import Tensor

from models.training.errors import CheckpointError
from models.vqgan.config import VQGANModelConfig
from models.vqgan.model import VQGAN

_LOSSES = "loss."  # weights of the discriminator and the perceptual network, which only training needs


def from_released(state_dict: Mapping[str, Tensor], image_size: int = 256) -> VQGAN:
    """The released network, ready for inference.

    Args:
        state_dict: "state_dict" of a released checkpoint. The layout is read off the tensors.
        image_size: side of the images it was trained on, pixels, which no tensor tells.

    Raises:
        CheckpointError: the tensors are not those of such a network.
    """
    weights = {name: tensor for name, tensor in state_dict.items() if not name.startswith(_LOSSES)}
    try:
        model = VQGAN(_layout(weights, image_size))
        model.load_state_dict(weights, strict=True)
    except KeyError as error:
        raise CheckpointError(f"a released VQGAN has a tensor {error}, and there is none") from error
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(f"these are not the weights of a released VQGAN: {error}") from error
    return model.eval()


def _layout(weights: Mapping[str, Tensor], image_size: int) -> VQGANModelConfig:
    channels = weights["encoder.conv_in.weight"].shape[0]
    widths: list[int] = []
    while (name := f"encoder.down.{len(widths)}.block.0.conv1.weight") in weights:
        widths.append(weights[name].shape[0])
    blocks = sum(name.startswith("encoder.down.0.block.") and name.endswith(".conv1.weight") for name in weights)
    code_length, latent_channels = weights["quant_conv.weight"].shape[:2]
    return VQGANModelConfig(
        image_size=image_size,
        vocab_size=weights["quantize.embedding.weight"].shape[0],
        channels=channels,
        channel_factors=tuple(width // channels for width in widths),
        blocks_per_level=blocks,
        attention_sizes=tuple(
            image_size // 2**level for level in range(len(widths)) if f"encoder.down.{level}.attn.0.q.weight" in weights
        ),
        latent_channels=latent_channels,
        code_length=code_length,
    )
