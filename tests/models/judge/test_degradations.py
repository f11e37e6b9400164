"""Degradations leave pictures pictures, and are the same for the same generator."""

import torch
from torch import Generator

from models.judge.degradations import degraded, repainted

RED, BLUE = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.1, 0.1, 0.8])


def with_dot(ground: torch.Tensor) -> torch.Tensor:
    """Pictures of a white square on a ground: [64, 3, 48, 48]."""
    picture = ground[:, None, None].expand(3, 48, 48).clone()
    picture[:, 16:32, 16:32] = 1.0
    return picture.expand(64, -1, -1, -1)


def test_degraded_pictures_keep_their_shape_and_range() -> None:
    changed = degraded(with_dot(RED), Generator().manual_seed(0))
    assert changed.shape == (64, 3, 48, 48)
    assert 0 <= float(changed.min()) < float(changed.max()) <= 1
    assert torch.equal(changed, degraded(with_dot(RED), Generator().manual_seed(0)))


def test_each_picture_is_degraded_in_its_own_way_and_remains_nearest_to_itself() -> None:
    red = degraded(with_dot(RED), Generator().manual_seed(0))
    assert not torch.equal(red[0], red[1])
    to_own, to_other = ((red - with_dot(ground)).square().mean((1, 2, 3)) for ground in (RED, BLUE))
    assert bool((to_own < to_other).all())


def test_repainting_changes_the_ground_of_half_the_pictures_and_never_the_thing() -> None:
    pictures = with_dot(RED)
    painted = repainted(pictures, RED.expand(64, 3), BLUE[None], Generator().manual_seed(0))
    is_blue = torch.isclose(painted[:, :, 0, 0], BLUE, atol=1e-3).all(1)
    assert 16 < int(is_blue.sum()) < 48
    assert torch.allclose(painted[:, :, 16:32, 16:32], torch.tensor(1.0), atol=1e-3)


def test_a_ground_that_is_not_known_is_not_repainted() -> None:
    pictures = with_dot(RED)
    unknown = torch.full((64, 3), float("nan"))
    assert torch.equal(repainted(pictures, unknown, BLUE[None], Generator().manual_seed(0)), pictures)
