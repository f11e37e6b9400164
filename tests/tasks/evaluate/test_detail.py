"""The error of a reconstruction by the size of details and by place, on pictures made for it."""

import numpy as np
import pytest

from tasks.evaluate.detail import band_powers, cell_errors, octaves

SIDE = 32


def wave(cycles: int) -> np.ndarray:
    """A cosine of amplitude 1 across the picture, of mean square 1/2."""
    across = np.cos(2 * np.pi * cycles * np.arange(SIDE) / SIDE)
    return np.broadcast_to(across[None, :, None], (SIDE, SIDE, 3))


def test_bands_double_up_to_half_the_side() -> None:
    assert octaves(SIDE) == [1, 2, 4, 8]
    assert octaves(96) == [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize(("cycles", "band"), [(1, 0), (2, 1), (3, 1), (4, 2), (7, 2), (8, 3), (15, 3)])
def test_a_wave_lies_in_the_band_of_its_frequency_with_its_mean_square(cycles: int, band: int) -> None:
    expected = np.zeros(4)
    expected[band] = 0.5
    assert band_powers(wave(cycles)) == pytest.approx(expected)


def test_the_bands_and_the_mean_colour_add_up_to_the_mean_square() -> None:
    noise = np.random.default_rng(0).normal(0.3, 1, (SIDE, SIDE, 3))
    means = (noise.mean((0, 1)) ** 2).mean()
    assert band_powers(noise).sum() + means == pytest.approx((noise**2).mean())


def test_a_blur_loses_fine_detail_before_coarse() -> None:
    import cv2

    picture = np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE, 3))
    lost = band_powers(cv2.GaussianBlur(picture, (0, 0), 1.0) - picture) / band_powers(picture)
    assert list(lost) == sorted(lost)
    assert lost[0] < 0.05 < 0.5 < lost[-1]


def test_an_error_is_told_in_the_square_of_its_code() -> None:
    original = np.zeros((8, 8, 3), np.uint8)
    copy = original.copy()
    copy[4:6, 2:4] = 51  # a fifth of the range, in all of one of 4 x 4 squares
    errors = cell_errors(original, copy, 4).reshape(4, 4)
    assert errors[2, 1] == pytest.approx(0.04)
    assert np.count_nonzero(errors) == 1
