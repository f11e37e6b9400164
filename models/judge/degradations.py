"""What drawing may do to a picture without making it another: blur, noise, coarse pixels, shifted colours and places.

They stand for any image tokenizer, and come from none.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional

MAX_SHIFT = 0.03  # of the side
MAX_GROWTH = 0.06
GROUPS = 8  # of a batch, each made coarse in its own way
NEAR_GROUND = 0.08  # of a colour to the ground's, to be painted with it


def degraded(pictures: Tensor, generator: Generator) -> Tensor:
    """Each picture of [n, 3, side, side] degraded in its own way, three in four of them; values stay in [0, 1]."""
    n, side = len(pictures), pictures.shape[-1]
    moved = _moved(pictures, generator)
    coarse = _coarse(moved, generator)
    colour = 0.06 * torch.randn(n, 3, 1, 1, generator=generator)
    contrast = 1 + 0.1 * torch.randn(n, 1, 1, 1, generator=generator)
    grain = 0.04 * torch.rand(n, 1, 1, 1, generator=generator) * torch.randn(n, 3, side, side, generator=generator)
    # Errors of a tokenizer are of its codes' size: patches of slightly wrong colour.
    patches = functional.interpolate(
        torch.randn(n, 3, side // 6, side // 6, generator=generator), side, mode="bilinear"
    )
    patches = 0.08 * torch.rand(n, 1, 1, 1, generator=generator) * patches
    changed = (coarse - 0.5) * contrast + 0.5 + colour + grain + patches
    kept = torch.rand(n, 1, 1, 1, generator=generator) < 0.25
    return torch.where(kept, moved, changed).clamp(0, 1)


def repainted(pictures: Tensor, grounds: Tensor, tones: Tensor, generator: Generator) -> Tensor:
    """Half of the pictures with another plain ground, so that no thing is known by the grounds it was seen on.

    Args:
        pictures: [n, 3, side, side].
        grounds: [n, 3], the colour of each ground; NaN leaves a picture as it is.
        tones: [t, 3], the colours to paint with.
    """
    n = len(pictures)
    new = tones[torch.randint(len(tones), (n,), generator=generator)]
    painted = (torch.rand(n, generator=generator) < 0.5) & ~grounds.isnan().any(1)
    old = grounds.nan_to_num()[..., None, None]
    distance = (pictures - old).square().sum(1, keepdim=True)
    share = torch.exp(-distance / (2 * NEAR_GROUND**2)) * painted[:, None, None, None]
    return pictures + share * (new[..., None, None] - old)


def _moved(pictures: Tensor, generator: Generator) -> Tensor:
    n = len(pictures)
    shift = MAX_SHIFT * 2 * (2 * torch.rand(n, 2, generator=generator) - 1)
    scale = 1 + MAX_GROWTH * (2 * torch.rand(n, generator=generator) - 1)
    zero = torch.zeros(n)
    turn = torch.stack([torch.stack([scale, zero, shift[:, 0]], 1), torch.stack([zero, scale, shift[:, 1]], 1)], 1)
    grid = functional.affine_grid(turn, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _coarse(pictures: Tensor, generator: Generator) -> Tensor:
    """Scaled down and up again, each group of pictures by a factor of its own up to 4: soft, or with visible pixels."""
    side = pictures.shape[-1]
    parts = []
    for number, part in enumerate(pictures.chunk(GROUPS)):
        small = round(side / (1 + 3 * float(torch.rand((), generator=generator))))
        down = functional.interpolate(part, small, mode="bilinear", antialias=True)
        mode, corners = ("nearest", None) if number % 2 else ("bilinear", False)
        parts.append(functional.interpolate(down, side, mode=mode, align_corners=corners))
    return torch.cat(parts)
