"""The bound that validation reports, against its parts computed one by one."""

import math

import pytest
import torch

from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from models.dvae.losses import dvae_loss, kl_to_uniform, logit_laplace_nll, phi
from models.dvae.model import DVAE
from models.dvae.objective import validation_metrics
from models.dvae.train import DVAELearner
from models.reconstruction import ImageBatch, reconstruction_metrics
from models.tokenizer import pixels_to_float
from models.training.data import Pairs

CONFIG = DVAEModelConfig(image_size=16, vocab_size=11, hidden=8, groups=3, blocks_per_group=1, decoder_init=6)
PIXELS_PER_CELL = 16


@pytest.fixture
def model() -> DVAE:
    torch.manual_seed(0)
    return DVAE(CONFIG).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def sharpened(model: DVAE, factor: float) -> DVAE:
    """The model with logits so far apart that its samples are the argmax, or so close that they are blurs."""
    with torch.no_grad():
        model.encoder.output.weight.mul_(factor)
    return model


def test_the_hard_bound_is_that_of_the_most_likely_codes(model: DVAE, images: torch.Tensor) -> None:
    found = validation_metrics(model, [ImageBatch(images)], tau=1 / 16, seed=0)
    x = pixels_to_float(images)
    with torch.no_grad():
        nll = logit_laplace_nll(phi(x), *model.decode_hard(model.encode(x)))
        kl = kl_to_uniform(model.logits(x))
    assert found["nll_per_pixel"] == pytest.approx(float(nll.sum(1).mean()), rel=1e-5)
    assert found["kl_per_cell"] == pytest.approx(float(kl.mean()), rel=1e-5)
    # The loss with weight 1 is the bound per colour value, of which a pixel has three.
    assert found["elb_hard"] == pytest.approx(-3 * float(dvae_loss(nll, kl, beta=1.0)), rel=1e-5)


def test_figures_per_cell_are_those_per_pixel_times_the_pixels_of_a_cell(model: DVAE, images: torch.Tensor) -> None:
    found = validation_metrics(model, [ImageBatch(images)], tau=1 / 16, seed=0)
    for name in ("nll", "kl"):
        assert found[f"{name}_per_cell"] == pytest.approx(PIXELS_PER_CELL * found[f"{name}_per_pixel"])
    assert found["elb_gap"] == pytest.approx(found["elb_relaxed"] - found["elb_hard"])
    assert found["elb_hard"] == pytest.approx(-found["nll_per_pixel"] - found["kl_per_pixel"])


def test_the_figures_of_the_reconstructions_are_those_of_any_tokenizer(model: DVAE, images: torch.Tensor) -> None:
    batches = [ImageBatch(images)]
    found, alone = validation_metrics(model, batches, tau=1.0, seed=0), reconstruction_metrics(model, batches)
    assert {name: found[name] for name in alone} == pytest.approx(alone)


def test_a_validation_encodes_each_image_once_and_decodes_its_codes_once(
    shard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = DVAETrainingConfig(steps=2, batch_size=4, warmup_steps=1)
    learner = DVAELearner(DVAE(CONFIG), training, Pairs([shard]), Pairs([shard, shard])).eval()
    encode, decode = learner.model.logits, learner.model.decode_hard
    encoded, decoded = [], []
    monkeypatch.setattr(learner.model, "logits", lambda images: encoded.append(len(images)) or encode(images))
    monkeypatch.setattr(learner.model, "decode_hard", lambda codes: decoded.append(len(codes)) or decode(codes))
    assert {"train_psnr", "psnr", "elb_gap"} <= learner.validate().keys()
    assert sum(encoded) == sum(decoded) == 8 + 16


def test_batches_are_averaged_by_their_images(model: DVAE, images: torch.Tensor) -> None:
    whole = validation_metrics(model, [ImageBatch(images)], tau=0.5, seed=0)
    parts = validation_metrics(model, [ImageBatch(images[:4]), ImageBatch(images[4:], first=4)], tau=0.5, seed=0)
    for name in ("elb_hard", "nll_per_pixel", "kl_per_cell"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-5)


def test_sure_and_cold_codes_have_no_gap_and_hot_ones_have(model: DVAE, images: torch.Tensor) -> None:
    sure = sharpened(model, 1e4)
    assert validation_metrics(sure, [ImageBatch(images)], tau=1e-3, seed=0)["elb_gap"] == pytest.approx(0.0, abs=1e-3)
    assert abs(validation_metrics(sharpened(model, 1e-4), [ImageBatch(images)], tau=5.0, seed=0)["elb_gap"]) > 1e-3


def test_codes_at_random_have_no_divergence_and_sure_ones_all_of_it(model: DVAE, images: torch.Tensor) -> None:
    sure = validation_metrics(sharpened(model, 1e5), [ImageBatch(images)], tau=1.0, seed=0)
    assert sure["kl_per_cell"] == pytest.approx(math.log(11), abs=0.01)
    assert validation_metrics(sharpened(model, 1e-9), [ImageBatch(images)], tau=1.0, seed=0)["kl_per_cell"] < 0.01


def test_the_same_seed_gives_the_same_figures(model: DVAE, images: torch.Tensor) -> None:
    batches = [ImageBatch(images)]
    first, again, other = (validation_metrics(model, batches, 1.0, seed)["elb_relaxed"] for seed in (1, 1, 2))
    assert first == again != other
