"""Comparisons of an image with its reconstruction."""

import math

import numpy as np
import pytest

from tasks.evaluate.rebuild import psnr_db, ssim


def test_psnr_of_a_constant_difference_is_the_closed_form():
    grey = np.full((16, 16, 3), 100, np.uint8)
    assert psnr_db(grey, grey + np.uint8(10)) == pytest.approx(20 * math.log10(255 / 10))
    assert psnr_db(grey, grey) == pytest.approx(20 * math.log10(255 / 0.5))


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    noise = np.random.default_rng(0)
    picture = noise.integers(0, 255, (32, 32, 3)).astype(np.uint8)
    worse = np.clip(picture + noise.normal(0, 40, picture.shape), 0, 255).astype(np.uint8)
    assert ssim(picture, picture) == pytest.approx(1)
    assert 0.2 < ssim(picture, worse) < 0.95


def test_ssim_of_two_even_greys_is_the_closed_form():
    a, b, c = 100, 120, (0.01 * 255) ** 2
    grey, lighter = (np.full((16, 16, 3), level, np.uint8) for level in (a, b))
    assert ssim(grey, lighter) == pytest.approx((2 * a * b + c) / (a * a + b * b + c))
