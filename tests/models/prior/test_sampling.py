"""Samples follow the model's probabilities, and each depends on its own seed, caption and index alone."""

import numpy as np
import pytest
import torch

from models.generator import Sampling
from models.prior import sampling
from models.prior.config import PriorModelConfig
from models.prior.decoding import InferencePrior
from models.prior.model import Prior
from models.prior.sampling import (
    FEWEST_ROWS,
    CodeBatch,
    choose_codes,
    draw_code_batches,
    draw_codes,
    rows_that_fit,
)
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


@pytest.fixture(scope="module")
def larger() -> Prior:
    torch.manual_seed(0)
    c = PriorModelConfig(
        text_vocab=256, text_length=24, image_vocab=64, grid=6, width=48, layers=6, heads=4, conv_kernel=5
    )
    return Prior(c).eval()


def _batches(prior: Prior, bpe: BPE, captions: list[str], n: int, **options: object) -> list[CodeBatch]:
    return list(draw_code_batches(InferencePrior(prior), bpe, captions, n, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("precision", "n"), [(torch.float32, 512), (torch.bfloat16, 64)])
def test_a_candidate_of_512_is_the_one_that_is_drawn_alone(
    larger: Prior, bpe: BPE, monkeypatch: pytest.MonkeyPatch, precision: torch.dtype, n: int
) -> None:
    inference = InferencePrior(larger, precision)
    whole = list(draw_code_batches(inference, bpe, ["a red disc"], n))
    assert len(whole) == n // sampling.MOST_ROWS["cpu"]
    codes = np.concatenate([batch.codes for batch in whole])
    assert np.array_equal(codes[:1], next(draw_code_batches(inference, bpe, ["a red disc"], 1)).codes)
    monkeypatch.setitem(sampling.MOST_ROWS, "cpu", 7)
    few = list(draw_code_batches(inference, bpe, ["a red disc"], 20))
    assert [batch.first for batch in few] == [0, 7, 14]
    assert np.array_equal(codes[:20], np.concatenate([batch.codes for batch in few]))


def test_some_candidates_of_the_first_prompt_come_before_the_others_and_are_the_same(larger: Prior, bpe: BPE) -> None:
    captions = ["a red disc", "a blue disc"]
    soon, others = _batches(larger, bpe, captions, 9, first=4), _batches(larger, bpe, captions, 9)
    assert [(batch.prompt, batch.first, len(batch.codes)) for batch in soon] == [(0, 0, 4), (0, 4, 5), (1, 0, 9)]
    assert [(batch.prompt, batch.first, len(batch.codes)) for batch in others] == [(0, 0, 9), (1, 0, 9)]
    assert np.array_equal(*(np.concatenate([batch.codes for batch in batches]) for batches in (soon, others)))
    assert len(_batches(larger, bpe, captions, 4, first=4)) == 2


def test_small_requests_share_a_batch_and_every_candidate_comes_once(larger: Prior, bpe: BPE) -> None:
    captions = [f"a {colour} disc" for colour in ("red", "green", "blue")] * 10
    found = [(batch.prompt, batch.first + i) for batch in _batches(larger, bpe, captions, 5) for i in range(5)]
    assert found == [(prompt, i) for prompt in range(30) for i in range(5)]


def test_memory_that_is_short_makes_smaller_batches(larger: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    inference = InferencePrior(larger)
    assert rows_that_fit(inference) == sampling.MOST_ROWS["cpu"]
    monkeypatch.setattr(sampling, "MEMORY_SHARE", 1e-5)
    assert FEWEST_ROWS <= rows_that_fit(inference) < sampling.MOST_ROWS["cpu"]


def test_kept_codes_stay_and_decide_what_is_drawn_behind_them(larger: Prior, bpe: BPE) -> None:
    kept = torch.full((36,), -1)
    kept[:12] = torch.arange(12)
    with_kept, without = (_batches(larger, bpe, ["a red disc"], 4, kept=k)[0].codes for k in (kept, None))
    assert (with_kept[:, :12] == np.arange(12)).all()
    assert not np.array_equal(with_kept[:, 12:], without[:, 12:])


def test_guidance_of_one_is_none_and_of_zero_ignores_the_caption(larger: Prior, bpe: BPE) -> None:
    def drawn(caption: str, guidance: float | None) -> np.ndarray:
        return _batches(larger, bpe, [caption], 4, sampling=Sampling(guidance=guidance, temperature=0))[0].codes

    assert np.array_equal(drawn("a red disc", 1.0), drawn("a red disc", None))
    assert np.array_equal(drawn("a red disc", 0.0), drawn("a green square", 0.0))
    assert not np.array_equal(drawn("a red disc", 9.0), drawn("a red disc", None))


def test_progress_rises_to_one_and_an_error_in_it_ends_the_drawing(larger: Prior, bpe: BPE) -> None:
    shares: list[float] = []
    _batches(larger, bpe, ["a red disc"], 100, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)

    def cancel(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        _batches(larger, bpe, ["a red disc"], 100, on_progress=cancel)


def test_temperature_zero_takes_the_most_likely_code_every_time(prior: Prior, bpe: BPE) -> None:
    cold = draw_codes(prior, bpe, ["a red disc"], 4, sampling=Sampling(temperature=0.0))[0]
    assert (cold == cold[0]).all()
    assert np.array_equal(cold, draw_codes(prior, bpe, ["a red disc"], 4, sampling=Sampling(top_k=1))[0])


def test_a_tokenizer_of_another_caption_length_is_refused(prior: Prior) -> None:
    other = train_bpe(["abc"], BPEModelConfig(vocab_size=256, text_length=7))
    with pytest.raises(ValueError, match="does not fit"):
        draw_codes(prior, other, ["abc"], 1)[0]


LOGITS = torch.log(torch.tensor([0.1, 0.4, 0.2, 0.3]))


def _frequencies(**sampling: float) -> torch.Tensor:
    uniform = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    drawn = choose_codes(LOGITS.expand(10_000, 4), uniform, Sampling(**sampling))
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
    drawn = choose_codes(LOGITS.expand(2, 4), ends, Sampling(top_k=2))
    assert drawn.tolist() == [1, 3]
