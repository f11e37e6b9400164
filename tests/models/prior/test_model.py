"""The prior predicts the next symbol from the past alone, and the same with a cache as without."""

import math

import pytest
import torch

from models.prior.config import PriorModelConfig
from models.prior.decoding import IncrementalDecoder, InferencePrior
from models.prior.losses import image_loss, text_loss
from models.prior.model import Prior
from models.text.bpe import PAD
from models.training.precision import autocast

CASES = [
    pytest.param({"attention": "paper", "layers": 4}, id="row, column, row, conv"),
    pytest.param({"attention": "full", "layers": 2}, id="full"),
    pytest.param({"attention": "paper", "layers": 2, "start_of_text": True, "text_length": 7}, id="start of text"),
]


def _prior(changes: dict[str, object]) -> Prior:
    torch.manual_seed(0)
    sizes = {"text_vocab": 20, "text_length": 6, "image_vocab": 13, "grid": 4, "width": 16, "layers": 2, "heads": 2}
    model = Prior(PriorModelConfig.model_validate(sizes | {"conv_kernel": 3} | changes)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # strong enough that every input matters
    return model


def _inputs(model: Prior, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    c = model.config
    captions = torch.randint(0, c.text_vocab, (rows, c.caption_length))
    captions[:, 4:] = PAD
    return captions, torch.randint(0, c.image_vocab, (rows, c.codes_per_image))


@pytest.mark.parametrize("changes", CASES)
def test_there_are_logits_for_every_predicted_symbol(changes: dict[str, object]) -> None:
    model = _prior(changes)
    captions, codes = _inputs(model, 2)
    text, image = model(captions, codes)
    c = model.config
    assert text.shape == (2, c.text_length - 1, c.text_vocab + c.text_length)
    assert image.shape == (2, 16, 13)
    assert model.text_targets(captions).shape == (2, c.text_length - 1)


@pytest.mark.parametrize("changes", CASES)
@torch.no_grad()
def test_a_code_changes_only_what_comes_after_it(changes: dict[str, object]) -> None:
    model = _prior(changes)
    captions, codes = _inputs(model, 1)
    text, image = model(captions, codes)
    for m in range(16):
        changed = codes.clone()
        changed[0, m] = (changed[0, m] + 1) % 13
        other_text, other_image = model(captions, changed)
        assert torch.equal(text, other_text)
        torch.testing.assert_close(image[:, : m + 1], other_image[:, : m + 1])
        if m < 15:
            assert (image[0, m + 1] - other_image[0, m + 1]).abs().max() > 1e-4


@pytest.mark.parametrize("changes", CASES)
@torch.no_grad()
def test_a_word_changes_later_words_and_every_code(changes: dict[str, object]) -> None:
    model = _prior(changes)
    captions, codes = _inputs(model, 1)
    text, image = model(captions, codes)
    changed = captions.clone()
    changed[0, 2] = (changed[0, 2] + 1) % 20
    other_text, other_image = model(changed, codes)
    place = 2 + int(model.config.start_of_text)
    torch.testing.assert_close(text[:, :place], other_text[:, :place])
    assert (text[0, place] - other_text[0, place]).abs().max() > 1e-4
    assert ((image - other_image).abs().amax(-1) > 1e-6).all()


@pytest.mark.parametrize("changes", CASES)
@torch.no_grad()
def test_cached_logits_equal_those_of_the_whole_stream(changes: dict[str, object]) -> None:
    model = _prior(changes)
    captions, codes = _inputs(model, 6)
    captions = captions[:2]
    _, whole = model(captions.repeat_interleave(3, 0), codes)
    inference = InferencePrior(model)
    decoder = IncrementalDecoder(inference, captions, 3)
    steps = [inference.logits(decoder.step(codes[:, i - 1] if i else None)) for i in range(16)]
    assert (torch.stack(steps, 1) - whole).abs().max() <= 1e-5


@torch.no_grad()
def test_every_text_position_has_a_padding_vector_of_its_own_that_is_attended_to() -> None:
    model = _prior({})
    captions, codes = _inputs(model, 1)
    ids = model.embedding.text_ids(captions)[0]
    assert ids[4:].tolist() == [24, 25]
    before = model(captions, codes)[1]
    model.embedding.text_token.weight[24] += torch.randn(16)
    assert (before - model(captions, codes)[1]).abs().max() > 1e-4


@torch.no_grad()
def test_image_positions_hold_the_code_before_them_and_a_row_and_a_column() -> None:
    embedding = _prior({}).embedding
    codes = torch.arange(16)[None] % 13
    vectors = embedding.image(codes)[0]
    start = embedding.image_token.weight[13] + embedding.row.weight[0] + embedding.column.weight[0]
    ninth = embedding.image_token.weight[codes[0, 8]] + embedding.row.weight[2] + embedding.column.weight[1]
    torch.testing.assert_close(vectors[0], start)
    torch.testing.assert_close(vectors[9], ninth)


def test_the_logits_are_in_fp32_though_the_blocks_are_not() -> None:
    model = _prior({})
    seen: dict[str, torch.dtype] = {}
    model.blocks[0].mlp_in.register_forward_hook(lambda _, __, result: seen.update(block=result.dtype))
    with autocast("bf16", torch.device("cpu")):
        logits = model(*_inputs(model, 2))
    assert seen["block"] == torch.bfloat16
    for each in logits:
        assert each.dtype == torch.float32
        assert not torch.equal(each, each.bfloat16().float())


def test_captions_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        _prior({})(torch.zeros(1, 5, dtype=torch.int64), torch.zeros(1, 16, dtype=torch.int64))


@pytest.mark.parametrize("width", [64, 1024])
@torch.no_grad()
def test_fresh_priors_with_the_papers_vocabularies_are_within_2_percent_of_chance(width: int) -> None:
    """On average over a few: in one, the rows of padding, which are few and come often, may be off by chance alone."""
    config = PriorModelConfig(width=width, heads=2, layers=1, grid=4, text_length=16, conv_kernel=3)
    losses = []
    for seed in range(4):
        torch.manual_seed(seed)
        model = Prior(config, seed)
        captions, codes = torch.randint(0, 16_384, (32, 16)), torch.randint(0, 8_192, (32, 16))
        captions[:16, 5:] = PAD
        text, image = model.states(captions, codes)
        of_text = text_loss(text, model.text_head, model.text_targets(captions), 16_384, True)
        losses.append([float(of_text), float(image_loss(image, model.image_head, codes))])
    of_text, of_image = torch.tensor(losses).mean(0).tolist()
    assert of_text == pytest.approx(math.log(16_384), rel=0.02)
    assert of_image == pytest.approx(math.log(8_192), rel=0.02)
