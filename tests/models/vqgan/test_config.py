"""Sizes that follow from a VQGAN's layout, and layouts that cannot be."""

import pytest
from pydantic import ValidationError

from models.vqgan.config import VQGANModelConfig, VQGANTrainingConfig


def test_the_defaults_are_the_published_f16_network() -> None:
    config = VQGANModelConfig()
    assert (config.factor, config.grid, config.codes_per_image, config.vocab_size) == (16, 16, 256, 1024)
    assert config.widths == (128, 128, 256, 256, 512)
    assert config.sizes == (256, 128, 64, 32, 16)


def test_neither_discriminator_nor_perceptual_network_is_on_by_default() -> None:
    training = VQGANTrainingConfig()
    assert training.adversarial_weight == 0
    assert training.perceptual_network is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"image_size": 60}, "image_size 60 is not a multiple of the downsampling factor 16"),
        ({"attention_sizes": [16, 10]}, r"attention_sizes \[10\] are not among the sides of the levels"),
        ({"channels": 40}, "40 channels do not divide into 32 groups"),
        ({"channels": 16, "channel_factors": [1, 3], "attention_sizes": []}, "48 channels do not divide into 32"),
        ({"channel_factors": [1, 0], "attention_sizes": []}, "not all positive"),
        ({"channel_factors": []}, "at least 1 item"),
        ({"vocab_size": 70_000}, "65536"),
        ({"ch": 128}, "ch"),
        ({"kind": "dvae"}, "vqgan"),
    ],
)
def test_impossible_layouts_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        VQGANModelConfig.model_validate(wrong)


def test_narrow_networks_have_a_group_for_each_channel() -> None:
    assert VQGANModelConfig(channels=8, attention_sizes=()).widths == (8, 8, 16, 16, 32)
