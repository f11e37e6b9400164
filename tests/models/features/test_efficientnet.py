"""The packaged EfficientNet-Lite0, on photographs that scikit-image ships."""

import numpy as np
import pytest
import skimage.data

from models.features.efficientnet import EfficientNetLite0
from models.training.images import centre_crop

TABBY, EGYPTIAN = 281, 285  # the cats among ImageNet's classes are those between


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return EfficientNetLite0()


def test_it_sees_a_cat_in_a_cat_and_none_in_a_coffee(network):
    pictures = np.stack([centre_crop(getattr(skimage.data, name)(), 300) for name in ("cat", "coffee")])
    seen = network.see(pictures)
    assert (seen.features.shape, seen.probabilities.shape) == ((2, 1280), (2, 1000))
    assert seen.probabilities.sum(1) == pytest.approx(np.ones(2), abs=1e-5)
    cat, coffee = seen.probabilities[:, TABBY : EGYPTIAN + 1].sum(1)
    assert cat > 0.8 > 0.01 > coffee


def test_a_small_picture_is_seen_and_alike_pictures_have_alike_features(network):
    cat, coffee = (centre_crop(getattr(skimage.data, name)(), 64) for name in ("cat", "coffee"))
    noisy = (cat + np.random.default_rng(0).normal(0, 3, cat.shape)).clip(0, 255).astype(np.uint8)
    features = network.features(np.stack([cat, noisy, coffee]))
    near, far = np.linalg.norm(features[0] - features[1]), np.linalg.norm(features[0] - features[2])
    assert 2 * near < far


def test_what_is_seen_in_a_picture_does_not_depend_on_the_others(network):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    assert np.array_equal(network.features(pictures)[1:2], network.features(pictures[1:2]))
