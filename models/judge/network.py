"""The classifier of the judge: which thing a part of a picture shows, if any."""

import torch
from torch import Tensor, nn
from torch.nn import functional

CROP_PX = 32


class CropClassifier(nn.Module):
    """Convolutions over crops of 32 px; the last class is "nothing that is known"."""

    def __init__(self, things: int, width: int = 32) -> None:
        super().__init__()
        self.things = things
        self.layers = nn.Sequential(
            *_block(3, width, 5),
            *_block(width, 2 * width, 3),
            *_block(2 * width, 4 * width, 3),
            nn.Flatten(),
            nn.Linear(4 * width * (CROP_PX // 8) ** 2, 4 * width, bias=False),
            nn.BatchNorm1d(4 * width),
            nn.ReLU(),
            nn.Linear(4 * width, things + 1),
        )

    def forward(self, crops: Tensor) -> Tensor:
        """Logits [n, things + 1] of crops [n, 3, 32, 32] with values in [0, 1]."""
        logits: Tensor = self.layers(2 * crops - 1)
        return logits


def _block(channels_in: int, channels_out: int, kernel: int) -> tuple[nn.Module, ...]:
    """Half the side, more channels."""
    return (
        nn.Conv2d(channels_in, channels_out, kernel, stride=2, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


def cut(pictures: Tensor, boxes: Tensor) -> Tensor:
    """Squares of pictures, as crops of 32 px; what lies beyond a picture's edge repeats the edge.

    Args:
        pictures: [n, 3, side, side].
        boxes: [n, 3], centre from the left and from the top and side, as shares of the picture's side.

    Returns:
        [n, 3, 32, 32].
    """
    x, y, side = boxes.unbind(1)
    zero = torch.zeros_like(x)
    turn = torch.stack([torch.stack([side, zero, 2 * x - 1], 1), torch.stack([zero, side, 2 * y - 1], 1)], 1)
    grid = functional.affine_grid(turn, [len(boxes), 3, 2 * CROP_PX, 2 * CROP_PX], align_corners=False)
    fine = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    return functional.avg_pool2d(fine, 2)  # against moiré, where a crop has fewer pixels than its part of the picture
