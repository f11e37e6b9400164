"""The dVAE's shapes, its paper layout, and its standardised logits."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from models.dvae.config import DVAEModelConfig
from models.dvae.layers import DECODER_KERNELS, BottleneckBlock
from models.dvae.model import DVAE
from models.dvae.standardise import LogitStandardiser
from models.reconstruction import ImageBatch, perplexity, psnr, reconstruction_metrics
from models.tokenizer import pixels_to_float

PAPER_STEM = DVAEModelConfig(image_size=16, vocab_size=11, hidden=8, groups=3, blocks_per_group=1, decoder_init=6)
DEMO_STEM = DVAEModelConfig(
    image_size=24,
    vocab_size=11,
    hidden=8,
    groups=2,
    blocks_per_group=1,
    decoder_init=6,
    stem="unshuffle",
    unshuffle_factor=3,
    standardise_logits=True,
    min_log_scale=-1.0,
)


@pytest.fixture(params=[PAPER_STEM, DEMO_STEM], ids=["conv7", "unshuffle"])
def dvae(request: pytest.FixtureRequest) -> DVAE:
    torch.manual_seed(0)
    return DVAE(request.param).eval()


def _images(model: DVAE, count: int) -> np.ndarray:
    size = model.config.image_size
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_the_papers_network_has_its_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = DVAE(DVAEModelConfig())
    assert sum(p.numel() for p in model.encoder.parameters()) == 53_786_240
    assert sum(p.numel() for p in model.decoder.parameters()) == 43_829_766
    assert (model.config.grid, model.config.factor, model.config.codes_per_image) == (32, 8, 1024)
    assert model.config.widths == (256, 512, 1024, 2048)
    assert model.config.residual_gain == 1 / 64


def test_codes_are_the_most_likely_ones(dvae: DVAE) -> None:
    c = dvae.config
    images = torch.rand(2, 3, c.image_size, c.image_size)
    logits = dvae.logits(images)
    assert logits.shape == (2, c.vocab_size, c.grid, c.grid)
    assert logits.dtype == torch.float32
    assert torch.equal(dvae.encode(images), logits.argmax(1).flatten(1))


def test_looking_codes_up_equals_decoding_one_hot_maps(dvae: DVAE) -> None:
    c = dvae.config
    codes = torch.randint(0, c.vocab_size, (3, c.codes_per_image))
    one_hot = F.one_hot(codes.view(3, c.grid, c.grid), c.vocab_size).permute(0, 3, 1, 2).float()
    for looked_up, dense in zip(dvae.decode_hard(codes), dvae.decode_soft(one_hot), strict=True):
        torch.testing.assert_close(looked_up, dense, atol=1e-5, rtol=1e-5)


def test_a_block_without_gain_is_its_identity_path() -> None:
    x = torch.randn(1, 8, 4, 4)
    assert torch.equal(BottleneckBlock(8, 8, (3, 3, 3, 1), gain=0.0)(x), x)


@pytest.mark.parametrize("inputs", [12, 8], ids=["with a convolution beside it", "with the image itself beside it"])
@torch.no_grad()
def test_a_doubling_block_is_the_block_of_the_doubled_image(inputs: int) -> None:
    doubling = BottleneckBlock(inputs, 8, DECODER_KERNELS, gain=0.5, doubles=True)
    plain = BottleneckBlock(inputs, 8, DECODER_KERNELS, gain=0.5)
    plain.load_state_dict(doubling.state_dict())
    x = torch.randn(2, inputs, 5, 3).contiguous(memory_format=torch.channels_last)
    found = doubling(x)
    torch.testing.assert_close(found, plain(x.repeat_interleave(2, 2).repeat_interleave(2, 3)), atol=1e-6, rtol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_the_layers_next_to_the_relaxation_stay_in_fp32_under_autocast(dvae: DVAE) -> None:
    seen = []
    dvae.encoder.output.register_forward_hook(lambda m, i, o: seen.append(o.dtype))
    dvae.decoder.input.register_forward_hook(lambda m, i, o: seen.append(o.dtype))
    size = dvae.config.image_size
    with torch.autocast("cpu", torch.bfloat16):
        dvae.decode_soft(dvae.logits(torch.rand(1, 3, size, size)).softmax(1))
    assert seen == [torch.float32, torch.float32]


def test_the_floor_on_the_scale_holds() -> None:
    model = DVAE(DEMO_STEM)
    with torch.no_grad():
        assert model.decoder.output.bias is not None
        model.decoder.output.bias.fill_(-9.0)
    assert model.decode_hard(torch.zeros(1, 64, dtype=torch.int64))[1].min().item() == -1.0


def test_standardised_logits_have_one_mean_and_one_spread() -> None:
    standardiser = LogitStandardiser(4, scale=3.0)
    logits = torch.randn(6, 4, 5, 5) * torch.tensor([1.0, 5.0, 0.2, 2.0])[None, :, None, None] + 7
    out = standardiser(logits).transpose(0, 1).flatten(1)
    torch.testing.assert_close(out.mean(1), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(out.std(1), torch.full((4,), 3.0), atol=0.02, rtol=0)


def test_measured_statistics_equal_those_of_one_large_batch() -> None:
    logits = torch.randn(6, 4, 5, 5) * 2 + 1
    standardiser = LogitStandardiser(4, scale=3.0)
    in_training = standardiser(logits)
    standardiser.eval().measure([logits[:4], logits[4:]])
    torch.testing.assert_close(standardiser(logits), in_training, atol=1e-4, rtol=1e-4)


def test_metrics_of_a_perfect_copy_and_of_a_constant_code() -> None:
    white = torch.full((1, 3, 4, 4), 255, dtype=torch.uint8)
    assert float(psnr(white, white)) == pytest.approx(54.15, abs=0.01)
    assert float(psnr(white, white - 255)) == pytest.approx(0.0, abs=1e-4)
    assert perplexity(torch.tensor([4.0, 4.0, 0.0, 4.0, 4.0])) == pytest.approx(4.0)
    assert perplexity(torch.tensor([9.0, 0.0])) == pytest.approx(1.0)


def test_reconstruction_metrics_count_the_codes_that_occur(dvae: DVAE) -> None:
    batch = torch.from_numpy(_images(dvae, 4)).permute(0, 3, 1, 2)
    metrics = reconstruction_metrics(dvae, [ImageBatch(batch)])
    used = len(dvae.encode(pixels_to_float(batch)).unique())
    assert metrics["usage"] == used / dvae.config.vocab_size
    assert 1 <= metrics["perplexity"] <= used


@pytest.mark.parametrize("wrong", [{"image_size": 250}, {"hidden": 6}, {"stem": "conv9"}, {"colours": 3}])
def test_impossible_layouts_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DVAEModelConfig.model_validate(wrong)
