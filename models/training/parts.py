"""A rank's part of a model that was made on the meta device: memory for it, and what it holds."""

import torch
from torch import Tensor, nn

from models.training.distributed import on_this_rank


def materialise(learner: nn.Module, device: torch.device) -> None:
    """Give a learner that is on the meta device memory on another one, for this rank's part, and its weights.

    Any other stays as it is.
    """
    if any(weight.device.type == "meta" for weight in learner.parameters()):
        learner.to_empty(device=device)
        learner.initialise()  # type: ignore[operator]  # of `Learner`


def keep_part(tensor: Tensor, content: Tensor) -> None:
    """Fill a tensor with the content of a whole one, a sharded tensor with this rank's part of it."""
    if hasattr(tensor, "to_local"):
        for number, placement in enumerate(tensor.placements):  # type: ignore[attr-defined]
            mesh, axis = tensor.device_mesh, placement.dim  # type: ignore[attr-defined]
            parts = content.chunk(mesh.size(number), axis)
            own = mesh.get_local_rank(number)
            content = parts[own] if own < len(parts) else content.narrow(axis, 0, 0)
    on_this_rank(tensor).copy_(content)
