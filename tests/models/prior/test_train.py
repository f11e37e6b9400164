"""Noise on captions and codes: the asked share, on the inputs alone, a function of the step."""

import pytest
import torch

from models.prior.config import PriorConfig
from models.prior.model import Prior
from models.prior.train import empty_some, replace_some
from models.text.bpe import PAD
from models.training.randomness import Step


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior(PriorConfig(text_vocab=9, text_length=4, image_vocab=50, grid=10, width=8, layers=1, heads=1))


def test_a_share_of_the_captions_is_emptied_whole() -> None:
    captions = torch.ones(2000, 4, dtype=torch.int64)
    emptied = empty_some(captions, 0.25, Step(1, seed=0))
    empty = (emptied == PAD).all(1)
    assert ((emptied == PAD).any(1) == empty).all()
    assert float(empty.float().mean()) == pytest.approx(0.25, abs=0.04)


def test_a_share_of_the_codes_is_replaced_by_codes_of_the_vocabulary(prior: Prior) -> None:
    codes = torch.full((100, 100), 7)
    replaced = replace_some(codes, 0.3, prior, Step(1, seed=0))
    assert float((replaced != 7).float().mean()) == pytest.approx(0.3 * 49 / 50, abs=0.02)
    assert (int(replaced.min()), int(replaced.max())) == (0, 49)


def test_noise_is_a_function_of_the_step(prior: Prior) -> None:
    codes = torch.arange(100)[None] % 50
    first, again, other = (replace_some(codes, 0.5, prior, Step(number, seed=0)) for number in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_noise_leaves_everything_as_it_was(prior: Prior) -> None:
    codes = torch.arange(100)[None] % 50
    assert replace_some(codes, 0.0, prior, Step(1, seed=0)) is codes
    assert empty_some(codes, 0.0, Step(1, seed=0)) is codes
