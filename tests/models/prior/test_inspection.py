"""Losses by position and attention to the text agree with what training and the fast path compute."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny_models import CODES, GRID, write_generator

from models.generator import load
from models.prior import inspection
from models.prior.attention import attention
from models.prior.config import MaskType, PriorModelConfig
from models.prior.inspection import attention_weights, position_losses, text_attention
from models.prior.model import Prior
from models.prior.train import PriorJob, PriorLearner
from models.text.bpe import PAD, load_bpe
from models.training.shards import Shards
from models.training.windows import tokens_of

SMALL = PriorModelConfig(
    width=16, layers=4, heads=2, conv_kernel=3, text_vocab=20, text_length=6, image_vocab=7, grid=4
)


def small_prior(**changes: Any) -> Prior:
    torch.manual_seed(0)
    prior = Prior(SMALL.model_copy(update=changes)).eval()
    with torch.no_grad():  # weights of a fresh model look everywhere alike
        for parameter in prior.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return prior


def pairs(prior: Prior, count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    c = prior.config
    captions = torch.randint(c.text_vocab, (count, c.caption_length))
    captions[0, 2:] = PAD
    return captions, torch.randint(c.image_vocab, (count, c.codes_per_image))


def test_losses_by_position_average_to_the_validation_loss_of_the_training(
    prior_job: Callable[..., dict[str, Any]],
) -> None:
    job = PriorJob.model_validate(prior_job(padding_in_text_loss=False))
    tokens = Shards(job.data.val, ("pair_id", "caption", "codes"))
    torch.manual_seed(0)
    learner = PriorLearner(Prior(job.model), job.training, load_bpe(job.data.bpe), tokens, tokens)
    captions, codes = tokens_of(tokens, range(len(tokens)))
    text, image = position_losses(learner.model, learner.bpe.encode(captions), torch.from_numpy(codes.astype(np.int64)))
    assert len(tokens) <= 32  # one batch of a validation, so that the mean of text is one over its tokens
    expected = learner.validate()
    assert float(image.mean()) == pytest.approx(expected["image"], abs=1e-5)
    assert float(text.nanmean()) == pytest.approx(expected["text"], abs=1e-5)


def test_the_losses_of_a_pair_do_not_depend_on_how_many_are_done_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = small_prior()
    captions, codes = pairs(prior)
    whole = position_losses(prior, captions, codes)
    monkeypatch.setattr(inspection, "_MOST_LOGITS", 1)
    for at_once, alone in zip(whole, position_losses(prior, captions, codes), strict=True):
        assert torch.allclose(at_once, alone, atol=1e-5, equal_nan=True)


def test_padding_has_no_loss() -> None:
    prior = small_prior()
    text, image = position_losses(prior, *pairs(prior))
    assert text.isnan().tolist() == [[False, True, True, True, True], [False] * 5, [False] * 5]
    assert not image.isnan().any()


@pytest.mark.parametrize("kind", ["row", "column", "conv", "full"])
def test_weights_add_up_to_one_and_give_what_the_layer_computes(kind: MaskType) -> None:
    prior = small_prior()
    layer = prior.blocks[0].attention
    layer.kind = kind
    x = torch.randn(2, prior.config.length, prior.config.width)
    weights = attention_weights(layer, x)
    assert torch.allclose(weights.sum(-1), torch.ones(weights.shape[:-1]), atol=1e-6)
    qkv = layer.qkv(x).unflatten(-1, (3, layer.heads, layer.head_size))
    mixed = (weights @ qkv[:, :, 2].transpose(1, 2)).transpose(1, 2).flatten(2)
    assert torch.allclose(mixed, attention(qkv, prior.config, kind), atol=1e-5)


def test_attention_to_text_is_the_mean_over_layers_of_a_kind_heads_and_image_positions() -> None:
    prior = small_prior()
    captions, codes = pairs(prior)
    found = text_attention(prior, captions, codes)
    assert set(found) == {"row", "column", "conv"}
    x = torch.cat([prior.embedding.text(prior.embedding.text_ids(captions)), prior.embedding.image(codes)], 1)
    first, _, third = (prior.blocks[i] for i in range(3))
    weights = [attention_weights(first.attention, first.attention_norm(x))]
    after = prior.blocks[1](first(x))
    weights.append(attention_weights(third.attention, third.attention_norm(after)))
    expected = torch.stack([each[:, :, 6:, :6].mean((1, 2)) for each in weights]).mean(0)
    assert torch.allclose(found["row"], expected, atol=1e-6)


def test_every_image_position_looks_at_all_text_alike_where_all_keys_are_equal() -> None:
    prior = small_prior()
    with torch.no_grad():
        for block in prior.blocks:
            block.attention.qkv.weight.zero_()
            block.attention.qkv.bias.zero_()
    row = text_attention(prior, *pairs(prior))["row"]
    visible = [6 + min(place, 4) + 1 for place in range(16)]  # text, a row before it, and itself
    assert torch.allclose(row, torch.full_like(row, float(np.mean([1 / n for n in visible]))), atol=1e-6)


def test_a_generator_tells_the_tokens_of_its_caption_and_where_the_rest_of_the_attention_goes(tmp_path) -> None:
    write_generator(tmp_path)
    generator = load(tmp_path)
    codes = np.random.default_rng(0).integers(CODES, size=(2, GRID**2)).astype(np.uint16)
    seen = generator.text_attention("a frog", codes[0])
    assert "".join(seen.tokens) == "afrog"
    for kind, weights in seen.on_tokens.items():
        assert len(weights) == len(seen.tokens)
        assert 0 < sum(weights) + seen.on_image[kind] < 1  # the rest lies on padding
    losses = generator.position_losses(["a frog", "a red apple"], codes)
    assert losses.image.shape == (2, GRID**2)
    assert np.isfinite(losses.text).sum(1).tolist() == [len(seen.tokens) - 1, 7]
