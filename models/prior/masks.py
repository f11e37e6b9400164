"""Which positions each position may attend to (paper B.1, figure 11).

The stream is T text positions, then W x W image positions in raster order. Text is causal. Every image
position attends to all text, and to earlier image positions in one of four patterns.
"""

import torch
from torch import Tensor

from models.prior.config import MaskType, PriorModelConfig


def image_mask(kind: MaskType, grid: int, kernel: int) -> Tensor:
    """Image queries by image keys, bool [n, n] with n = grid^2, True where attention is allowed."""
    position = torch.arange(grid**2)
    return image_distances(kind, grid, kernel, position[:, None] - position[None, :])


def image_distances(kind: MaskType, grid: int, kernel: int, distance: Tensor) -> Tensor:
    """Where attention is allowed, by the distance from query to key in raster order; bool, of the same shape.

    With d = query - key >= 0 in raster order, W = grid and h = (kernel - 1) / 2:

    - row: d <= W, the last W positions and itself, across row ends;
    - column: d is a multiple of W;
    - conv: d = a W + e with 0 <= a <= h and -h <= e <= h, across row ends;
    - full: every d.
    """
    past = distance >= 0
    if kind == "row":
        return past & (distance <= grid)
    if kind == "column":
        return past & (distance % grid == 0)
    if kind == "conv":
        return past & torch.isin(distance, _window(grid, kernel))
    return past


def stream_mask(kind: MaskType, config: PriorModelConfig) -> Tensor:
    """The whole stream's mask, bool [T + n, T + n], True where the row's position may attend to the column's."""
    text = config.text_length
    mask = torch.ones(config.length, config.length, dtype=torch.bool).tril()
    mask[text:, text:] = image_mask(kind, config.grid, config.conv_kernel)
    return mask


def _window(grid: int, kernel: int) -> Tensor:
    reach = (kernel - 1) // 2
    rows = torch.arange(reach + 1) * grid
    columns = torch.arange(-reach, reach + 1)
    return (rows[:, None] + columns[None, :]).flatten()
