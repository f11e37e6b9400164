"""Pictures of a training while it runs: images beside what is made of them, and how often each code is used."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_BAR_HEIGHT = 96
_WHITE, _BAR = 255, 60


def rows_of(*rows: Tensor) -> Tensor:
    """Equally large images in rows below each other: uint8 [B, 3, H, W] each, to [3, rows * H, B * W]."""
    return torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)


def code_histogram(counts: Tensor) -> Tensor:
    """Bars of how often each code occurs, from the most to the least frequent, on a logarithmic scale.

    Args:
        counts: [V].

    Returns:
        uint8 [3, height, V].
    """
    sizes = counts.double().sort(descending=True).values.log1p()
    tops = (sizes / sizes.max().clamp(min=1e-9) * _BAR_HEIGHT).ceil()
    below = torch.arange(_BAR_HEIGHT, 0, -1)[:, None] <= tops[None, :]
    picture = torch.full((_BAR_HEIGHT, len(counts)), _WHITE, dtype=torch.uint8).masked_fill_(below, _BAR)
    return picture.expand(3, -1, -1)


def save_pictures(folder: Path, step: int, pictures: dict[str, Tensor]) -> None:
    """Write pictures, uint8 [3, H, W] each, as PNG files to a folder of the step; a reader sees whole files only."""
    own = folder / f"{step:07d}"
    for name, picture in pictures.items():
        own.mkdir(parents=True, exist_ok=True)
        temporary = own / f".{name}.tmp"
        Image.fromarray(np.ascontiguousarray(picture.permute(1, 2, 0).numpy())).save(temporary, "PNG")
        temporary.replace(own / f"{name}.png")
