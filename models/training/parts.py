"""A rank's part of a model that was made on the meta device: memory for it, and what it holds."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from models.files import WEIGHTS
from models.training.distributed import on_this_rank
from models.training.errors import CheckpointError


def materialise(learner: nn.Module, device: torch.device) -> None:
    """Give a learner that is on the meta device memory on another one, for this rank's part, and its weights.

    Any other stays as it is.
    """
    if any(weight.device.type == "meta" for weight in learner.parameters()):
        learner.to_empty(device=device)
        learner.initialise()  # type: ignore[operator]  # of `Learner`


@torch.no_grad()
def load_parts(model: nn.Module, directory: Path) -> None:
    """Fill this rank's part of a model from a folder's weights, one tensor in memory at a time.

    Raises:
        CheckpointError: missing or unreadable file, or names or shapes that do not fit.
    """
    path, own = directory / WEIGHTS, model.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            theirs = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            ours = {name: tuple(tensor.shape) for name, tensor in own.items()}
            if other := [name for name in sorted(theirs.keys() | ours.keys()) if theirs.get(name) != ours.get(name)]:
                raise CheckpointError(f"cannot load {path}: {other[0]} is of another size, or in one of the two alone")
            for name, tensor in own.items():
                keep_part(tensor, file.get_tensor(name))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot load {path}: {error}") from error


def keep_part(tensor: Tensor, content: Tensor) -> None:
    """Fill a tensor with the content of a whole one, a sharded tensor with this rank's part of it."""
    if hasattr(tensor, "to_local"):
        for number, placement in enumerate(tensor.placements):  # type: ignore[attr-defined]
            mesh, axis = tensor.device_mesh, placement.dim  # type: ignore[attr-defined]
            parts = content.chunk(mesh.size(number), axis)
            own = mesh.get_local_rank(number)
            content = parts[own] if own < len(parts) else content.narrow(axis, 0, 0)
    on_this_rank(tensor).copy_(content)
