"""Samples follow the model's probabilities, and each depends on its own seed, caption and index alone."""

import numpy as np
import pytest
import torch

from models.prior.config import PriorModelConfig
from models.prior.model import Prior
from models.prior.sampling import choose_codes, draw_codes
from models.text.bpe import BPE, train_bpe
from models.text.config import BPEModelConfig


@pytest.fixture(scope="module")
def bpe() -> BPE:
    return train_bpe(["a red disc", "a green square"], BPEModelConfig(vocab_size=256, text_length=24))


@pytest.fixture(scope="module")
def prior() -> Prior:
    torch.manual_seed(0)
    c = PriorModelConfig(
        text_vocab=256, text_length=24, image_vocab=9, grid=3, width=16, layers=3, heads=2, conv_kernel=3
    )
    model = Prior(c).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def test_samples_are_codes_of_the_vocabulary(prior: Prior, bpe: BPE) -> None:
    codes = draw_codes(prior, bpe, ["a red disc"], 5, seed=1)[0]
    assert codes.shape == (5, 9)
    assert codes.dtype == np.uint16
    assert codes.max() < 9
    assert len(np.unique(codes, axis=0)) > 1


def test_a_sample_depends_on_seed_caption_and_index_and_not_on_other_samples(prior: Prior, bpe: BPE) -> None:
    alone = draw_codes(prior, bpe, ["a red disc"], 3, seed=1)[0]
    among = draw_codes(prior, bpe, ["a green square", "a red disc"], 8, seed=1)
    assert np.array_equal(alone, among[1, :3])
    assert not np.array_equal(among[0], among[1])
    assert not np.array_equal(alone, draw_codes(prior, bpe, ["a red disc"], 3, seed=2)[0])


def test_temperature_zero_takes_the_most_likely_code_every_time(prior: Prior, bpe: BPE) -> None:
    cold = draw_codes(prior, bpe, ["a red disc"], 4, temperature=0.0)[0]
    assert (cold == cold[0]).all()
    assert np.array_equal(cold, draw_codes(prior, bpe, ["a red disc"], 4, temperature=1.0, top_k=1)[0])


def test_a_tokenizer_of_another_caption_length_is_refused(prior: Prior) -> None:
    other = train_bpe(["abc"], BPEModelConfig(vocab_size=256, text_length=7))
    with pytest.raises(ValueError, match="does not fit"):
        draw_codes(prior, other, ["abc"], 1)[0]


LOGITS = torch.log(torch.tensor([0.1, 0.4, 0.2, 0.3]))


def _frequencies(temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None) -> torch.Tensor:
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    drawn = choose_codes(LOGITS.expand(10_000, 4), uniform, temperature, top_k, top_p)
    return torch.bincount(drawn, minlength=4) / 10_000


def test_codes_are_drawn_with_their_probabilities() -> None:
    torch.testing.assert_close(_frequencies(), LOGITS.exp(), atol=1e-3, rtol=0)


def test_a_low_temperature_sharpens() -> None:
    squared = LOGITS.exp().square()
    torch.testing.assert_close(_frequencies(temperature=0.5), squared / squared.sum(), atol=1e-3, rtol=0)


def test_top_k_keeps_the_k_most_likely() -> None:
    torch.testing.assert_close(_frequencies(top_k=2), torch.tensor([0, 4 / 7, 0, 3 / 7]), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("top_p", "kept"), [(0.3, 1), (0.41, 2), (0.69, 2), (0.71, 3), (1.0, 4)])
def test_top_p_keeps_the_fewest_that_reach_the_sum(top_p: float, kept: int) -> None:
    assert int((_frequencies(top_p=top_p) > 0).sum()) == kept


def test_the_ends_of_the_unit_interval_draw_possible_codes() -> None:
    ends = torch.tensor([0.0, 1.0 - 1e-12], dtype=torch.float64)
    drawn = choose_codes(LOGITS.expand(2, 4), ends, top_k=2)
    assert drawn.tolist() == [1, 3]
