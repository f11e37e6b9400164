"""The classifier learns what lies where, and equal fits give equal classifiers."""

import torch

from models.judge.config import JudgeTrainingConfig
from models.judge.fitting import fit
from models.judge.network import CropClassifier, cut

PLACES = torch.tensor([[0.25, 0.5, 0.4], [0.75, 0.5, 0.4], [0.5, 0.2, 0.3]])
FEW = JudgeTrainingConfig(steps=30, batch_size=16)


def corpus() -> tuple[torch.Tensor, torch.Tensor]:
    """Grey pictures with a red or a blue square on one side: thing 0 or 1; 2 is nothing."""
    pictures = torch.full((32, 3, 96, 96), 128, dtype=torch.uint8)
    labels = torch.full((32, 3), 2)
    for number in range(32):
        thing, side = number % 2, number // 2 % 2
        left = 8 + 48 * side
        pictures[number, :, 32:64, left : left + 32] = 0
        pictures[number, 2 * thing, 32:64, left : left + 32] = 255
        labels[number, side] = thing
    return pictures, labels


def fitted() -> CropClassifier:
    pictures, labels = corpus()
    return fit(pictures, torch.full((32, 3), 128 / 255), PLACES, labels, 2, FEW)


def test_things_are_told_apart_and_from_nothing() -> None:
    pictures, labels = corpus()
    model = fitted()
    with torch.inference_mode():
        crops = cut(pictures.float().repeat_interleave(3, 0) / 255, PLACES.repeat(32, 1))
        found = model(crops).argmax(1).reshape(32, 3)
    assert float((found == labels).float().mean()) >= 0.97


def test_equal_fits_give_equal_classifiers_and_leave_torchs_own_seed_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, two = fitted().state_dict(), fitted().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert torch.equal(torch.random.get_rng_state(), before)
