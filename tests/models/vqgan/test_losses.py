"""The VQGAN's losses against closed forms, and a discriminator that judges each image alone."""

from pathlib import Path

import pytest
import torch

from models.training.errors import CheckpointError
from models.vqgan.config import VQGANTrainingConfig
from models.vqgan.discriminator import Discriminator
from models.vqgan.losses import PerceptualDistance, adaptive_weight, commitment, hinge_loss


def test_only_the_latents_answer_for_their_distance_to_the_codes() -> None:
    latents, vectors = torch.ones(1, 2, 1, 1, requires_grad=True), torch.full((1, 2, 1, 1), 4.0, requires_grad=True)
    loss = commitment(latents, vectors)
    assert loss.item() == 9.0
    loss.backward()
    assert latents.grad is not None
    assert latents.grad.flatten().tolist() == [-3.0, -3.0]
    assert vectors.grad is None


def test_the_hinge_is_flat_beyond_its_margins() -> None:
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert hinge_loss(real, fake).item() == pytest.approx((0.25 + 0.5) / 2)
    assert hinge_loss(real + 1, fake - 1).item() == 0


def test_the_adaptive_weight_evens_out_the_gradients_of_the_last_layer() -> None:
    last = torch.tensor([1.0, 2.0], requires_grad=True)
    fidelity, adversarial = 3 * last.sum(), 0.5 * last.sum()
    assert adaptive_weight(fidelity, adversarial, last, world=1).item() == pytest.approx(6.0, rel=1e-3)
    assert adaptive_weight(fidelity, 0 * adversarial, last, world=1).item() == 10_000
    assert not adaptive_weight(fidelity, adversarial, last, world=1).requires_grad


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(VQGANTrainingConfig(discriminator_channels=8), image_size=32)


def test_the_discriminator_has_one_logit_for_each_region(discriminator: Discriminator) -> None:
    assert discriminator(torch.rand(2, 3, 32, 32)).shape == (2, 1, 2, 2)
    published = Discriminator(VQGANTrainingConfig(), image_size=256)
    assert published(torch.rand(1, 3, 256, 256)).shape == (1, 1, 30, 30)
    widths = [layer.out_channels for layer in published.main if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [64, 128, 256, 512, 1]


def test_an_images_logits_do_not_depend_on_the_batch(discriminator: Discriminator) -> None:
    images = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(discriminator(images)[1:2], discriminator(images[1:2]))


def test_a_frozen_discriminator_gives_gradients_to_the_images_alone(discriminator: Discriminator) -> None:
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    logits = discriminator.frozen(images)
    assert torch.equal(logits, discriminator(images))
    logits.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in discriminator.parameters())


def test_images_too_small_for_the_discriminator_are_refused() -> None:
    with pytest.raises(ValueError, match="discriminator_layers 3 leave 2 pixels of an image of 16"):
        Discriminator(VQGANTrainingConfig(), image_size=16)
    Discriminator(VQGANTrainingConfig(), image_size=24)(torch.rand(1, 3, 24, 24))


def test_a_perceptual_network_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no network")
    for name in ("text.pt", "missing.pt"):
        with pytest.raises(CheckpointError, match=f"cannot load the perceptual network .*{name}"):
            PerceptualDistance(str(tmp_path / name), torch.device("cpu"))
