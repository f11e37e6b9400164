"""The files that the released dVAE is published as, read without running what a pickle may ask for."""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.dvae.released import from_released
from models.files import SOURCE, sha256_of
from models.training.checkpoint import save_model, write_json
from models.training.errors import CheckpointError


class PickledModule:
    """Stands for a module of a pickle: it has the module's attributes and none of its code."""

    _parameters: dict[str, Any]
    _modules: dict[str, Any]


# The classes that make up the published encoder.pkl and decoder.pkl.
_CLASSES = (
    "dall_e.encoder.Encoder",
    "dall_e.encoder.EncoderBlock",
    "dall_e.decoder.Decoder",
    "dall_e.decoder.DecoderBlock",
    "dall_e.utils.Conv2d",
    "torch.nn.modules.activation.ReLU",
    "torch.nn.modules.container.Sequential",
    "torch.nn.modules.linear.Identity",
    "torch.nn.modules.pooling.MaxPool2d",
    "torch.nn.modules.upsampling.Upsample",
)


def import_released(encoder: Path, decoder: Path, out: Path, image_size: int = 256) -> None:
    """Write a model's folder from the released files: weights, configuration and the digests of the files.

    Args:
        encoder: `encoder.pkl` as published, or FLAVA's code book as `.safetensors` or `.bin`.
        decoder: `decoder.pkl` as published.
        out: a new or empty folder.
        image_size: side of the images that the model is to read, pixels.

    Raises:
        CheckpointError: a file holds something else than such weights, or `out` holds files.
    """
    if out.exists() and any(out.iterdir()):
        raise CheckpointError(f"{out} holds files already: name a new folder.")
    model = from_released(read_released(encoder), read_released(decoder), image_size)
    save_model(out, model.state_dict(), model.config)
    write_json(out / SOURCE, {"encoder": _described(encoder), "decoder": _described(decoder)})


def read_released(path: Path) -> dict[str, Tensor]:
    """The state dict in a `.safetensors` file, or of the module or state dict that torch 1.6 or later saved.

    Nothing in a pickle is run: it may name tensors, containers and the classes of the released network, for which
    empty stand-ins are made.

    Raises:
        CheckpointError: the file is missing or damaged, or names anything else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals([(PickledModule, name) for name in _CLASSES]):
            content = torch.load(path, map_location="cpu", weights_only=True)
        return _state_dict(content)
    except Exception as error:  # a damaged pickle makes its reader raise errors of any kind
        raise CheckpointError(f"{path} is not read: {_reason(error)}.") from error


def _state_dict(content: Any, prefix: str = "") -> dict[str, Tensor]:
    if isinstance(content, dict) and not prefix:
        parts, children = content, {}
    elif isinstance(content, PickledModule):
        parts, children = content._parameters, content._modules
    else:
        raise TypeError(f"it holds a {type(content).__name__} in place of a module")
    found = {f"{prefix}{name}": tensor.detach() for name, tensor in parts.items() if isinstance(tensor, Tensor)}
    for name, child in children.items():
        found |= _state_dict(child, f"{prefix}{name}.")
    return found


def _reason(error: Exception) -> str:
    """The part of torch's several lines that says what is wrong with the file."""
    unknown = re.search(r"GLOBAL (\S+)", str(error))
    if unknown:
        return f"its pickle asks for {unknown[1]}, which is no part of a released dVAE, and nothing of it was run"
    refused = re.search(r"WeightsUnpickler error: ([^\n]+)", str(error))
    said = refused[1] if refused else str(error).split("\n", 1)[0]
    return said.strip().rstrip(".") or type(error).__name__


def _described(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": sha256_of(path)}
