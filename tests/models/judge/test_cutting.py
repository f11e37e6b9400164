"""Crops are the parts of a picture that their boxes name."""

import torch

from models.judge.network import CROP_PX, CropClassifier, cut


def quarters() -> torch.Tensor:
    """A picture whose upper left quarter is 0.1, upper right 0.2, lower left 0.3 and lower right 0.4."""
    tones = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    return tones.repeat_interleave(48, 0).repeat_interleave(48, 1).expand(1, 3, 96, 96).contiguous()


def test_a_box_is_centre_from_the_left_centre_from_the_top_and_side() -> None:
    boxes = torch.tensor([[0.75, 0.25, 0.4], [0.25, 0.75, 0.4]])
    upper_right, lower_left = cut(quarters().expand(2, -1, -1, -1), boxes)
    assert torch.allclose(upper_right, torch.tensor(0.2))
    assert torch.allclose(lower_left, torch.tensor(0.3))


def test_beyond_the_edge_the_edge_is_repeated() -> None:
    [crop] = cut(quarters(), torch.tensor([[0.0, 0.0, 0.5]]))
    assert crop.shape == (3, CROP_PX, CROP_PX)
    assert torch.allclose(crop, torch.tensor(0.1))


def test_the_classes_are_the_things_and_nothing() -> None:
    model = CropClassifier(things=5).eval()
    assert model(torch.rand(2, 3, CROP_PX, CROP_PX)).shape == (2, 6)
