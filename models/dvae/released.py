"""Weights that the authors of the paper released (github.com/openai/DALL-E), of the shape that appendix A.1 describes.

The same encoder is published under other names as the image code book of FLAVA (transformers, `FlavaImageCodebook`).
"""

import re
from collections.abc import Mapping

from pydantic import ValidationError
from torch import Tensor

from models.dvae.config import DVAEModelConfig
from models.dvae.model import DVAE
from models.training.errors import CheckpointError

Weights = Mapping[str, Tensor]

# Parts of FLAVA's names that the package's do not have, and the package's where they differ.
_FLAVA = (
    (r"^image_codebook\.", ""),
    (r"(group_\d+)\.group\.", r"\1."),
    (r"res_path\.path\.", "res_path."),
    (r"\.weight$", ".w"),
    (r"\.bias$", ".b"),
)
_BLOCK = re.compile(r"\.block_(\d+)\.")
_CONVOLUTION = re.compile(r"\.conv_(\d+)\.")


def from_released(encoder: Weights, decoder: Weights, image_size: int = 256) -> DVAE:
    """The released network, ready for inference.

    Args:
        encoder: the state dict of `dall_e.Encoder` or of FLAVA's code book, of any width and depth: 74 tensors as
            published. The layout is read off the tensors.
        decoder: the state dict of `dall_e.Decoder`: 76 tensors as published.
        image_size: side of the images, pixels, which no tensor tells.

    Raises:
        CheckpointError: the tensors are not those of such a network.
    """
    encoder = {_package_name(name): tensor for name, tensor in encoder.items()}
    try:
        model = DVAE(_layout(encoder, decoder, image_size))
        weights = {f"encoder.{_our_name(name)}": tensor for name, tensor in encoder.items()}
        weights |= {f"decoder.{_our_name(name)}": tensor for name, tensor in decoder.items()}
        # Next to the codes, ours are matrices where the package has convolutions of one pixel.
        weights["encoder.output.weight"] = weights.pop("encoder.blocks.output.weight").flatten(1)
        weights["encoder.output.bias"] = weights.pop("encoder.blocks.output.bias")
        weights["decoder.input.weight"] = weights.pop("decoder.blocks.input.weight").flatten(1)
        weights["decoder.input.bias"] = weights.pop("decoder.blocks.input.bias")
        weights["decoder.output.weight"] = weights.pop("decoder.blocks.output.weight")
        weights["decoder.output.bias"] = weights.pop("decoder.blocks.output.bias")
        model.load_state_dict(weights, strict=True)
    except KeyError as error:
        raise CheckpointError(f"a released dVAE has a tensor {error}, and there is none") from error
    except ValidationError as error:
        raise CheckpointError(f"no dVAE has such a layout: {error.errors()[0]['msg']}") from error
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(f"these are not the weights of a released dVAE: {error}") from error
    return model.eval()


def _layout(encoder: Weights, decoder: Weights, image_size: int) -> DVAEModelConfig:
    numbers = [re.match(r"blocks\.group_(\d+)\.block_(\d+)\.", name) for name in encoder]
    found = [(int(number[1]), int(number[2])) for number in numbers if number]
    if not found:
        raise CheckpointError("a released dVAE has tensors blocks.group_1.block_1.…, and there are none")
    return DVAEModelConfig(
        image_size=image_size,
        vocab_size=encoder["blocks.output.conv.w"].shape[0],
        hidden=encoder["blocks.input.w"].shape[0],
        groups=max(group for group, _ in found),
        blocks_per_group=max(block for _, block in found),
        decoder_init=decoder["blocks.input.w"].shape[0],
    )


def _package_name(name: str) -> str:
    for theirs, packages in _FLAVA:
        name = re.sub(theirs, packages, name)
    return name


def _our_name(name: str) -> str:
    """`blocks.group_2.block_1.res_path.conv_3.w` to `blocks.group_2.0.res_path.2.1.weight`."""
    name = _BLOCK.sub(lambda found: f".{int(found[1]) - 1}.", name)
    name = _CONVOLUTION.sub(lambda found: f".{int(found[1]) - 1}.1.", name)
    name = name.replace("blocks.output.conv.", "blocks.output.")
    return re.sub(r"\.w$", ".weight", re.sub(r"\.b$", ".bias", name))
