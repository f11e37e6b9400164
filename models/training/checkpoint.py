"""Checkpoints: safetensors and JSON, written atomically, never a pickle."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.config import Frozen
from models.files import CONFIG, WEIGHTS
from models.training.errors import CheckpointError

C = TypeVar("C", bound=Frozen)


def write_json(path: Path, content: Any) -> None:
    """Replace `path` by `content` as JSON; a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Replace `path` by a safetensors file of `tensors` and string `metadata`, atomically and durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(whole, temporary, metadata=dict(metadata or {}))
    fsync(temporary)
    os.replace(temporary, path)
    fsync(path.parent)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file that `write_tensors` wrote."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def save_model(directory: Path, tensors: Mapping[str, Tensor], config: Frozen) -> None:
    """Write a model's folder: `config.json`, then `weights.safetensors`."""
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / CONFIG, config.model_dump(mode="json"))
    write_tensors(directory / WEIGHTS, tensors)


def read_config(directory: Path, kind: type[C]) -> C:
    """The configuration in a model's folder.

    Raises:
        CheckpointError: the folder has no config.json, or it is not a configuration of this kind.
    """
    path = Path(directory) / CONFIG
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a {kind.__name__}: {error}") from error


def read_kind(directory: Path) -> str:
    """The kind of model a folder holds, as its configuration names it.

    Raises:
        CheckpointError: the folder has no config.json, or it names no kind.
    """
    path = Path(directory) / CONFIG
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not the configuration of a model: {error!r}") from error


def load_weights(model: nn.Module, directory: Path, device: str | torch.device) -> None:
    """Fill `model` from a folder's weights; every tensor must be there, and no other.

    A model on the meta device takes the file's tensors for its own, where they are of its type.

    Raises:
        CheckpointError: missing or unreadable file, or names or shapes that do not fit.
    """
    path = Path(directory) / WEIGHTS
    try:
        weights = load_file(path, device=str(device))
        if on_meta := any(parameter.is_meta for parameter in model.parameters()):
            own = model.state_dict()
            weights = {name: tensor.to(own[name].dtype) if name in own else tensor for name, tensor in weights.items()}
        model.load_state_dict(weights, strict=True, assign=on_meta)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"cannot load {path}: {error}") from error
    model.to(device)


def fsync(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
