"""Cropping, and the plain cases of decoding; test_decoding.py compares with a browser."""

import cv2
import numpy as np
import pytest

from models.training.errors import DataError, ImageTooSmallError
from models.training.images import centre_crop, decode, dvae_crop, prior_crop, resize


def _ramp(height: int, width: int) -> np.ndarray:
    """Red holds the column and green the row."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = np.arange(width)[None, :]
    image[:, :, 1] = np.arange(height)[:, None]
    return image


def _png(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def test_decoding_gives_red_first() -> None:
    red_in_bgr = np.zeros((2, 2, 3), np.uint8)
    red_in_bgr[:, :, 2] = 200
    assert decode(_png(red_in_bgr))[0, 0].tolist() == [200, 0, 0]


def test_transparent_pixels_become_white_and_half_transparent_ones_pale() -> None:
    bgra = np.zeros((1, 3, 4), np.uint8)
    bgra[0, 1, 3] = 255
    bgra[0, 2, 3] = 51
    assert decode(_png(bgra))[0].tolist() == [[255] * 3, [0] * 3, [204] * 3]


def test_grey_images_get_three_channels() -> None:
    assert decode(_png(np.full((2, 3), 7, np.uint8))).shape == (2, 3, 3)


def test_bytes_that_are_no_image_are_refused() -> None:
    with pytest.raises(DataError, match="no image"):
        decode(b"<html>not found</html>")


def test_the_centre_crop_of_a_wide_image_is_its_middle() -> None:
    crop = centre_crop(_ramp(20, 60), 20)
    assert crop[0, 0].tolist() == [20, 0, 0]
    assert crop[-1, -1].tolist() == [39, 19, 0]


def test_halving_averages_areas() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2, :2] = [[[0] * 3, [40] * 3], [[80] * 3, [120] * 3]]
    assert resize(image, 2)[0, 0].tolist() == [60, 60, 60]


@pytest.mark.parametrize("crop", [dvae_crop, prior_crop])
def test_random_crops_have_the_size_and_depend_on_the_generator_alone(crop: object) -> None:
    assert callable(crop)
    image = _ramp(90, 120)
    first = crop(image, 64, np.random.default_rng(1))
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, crop(image, 64, np.random.default_rng(1)))
    assert len({crop(image, 64, np.random.default_rng(i)).tobytes() for i in range(20)}) > 10


def test_the_dvae_crop_flips_about_half_of_the_images_and_the_prior_crop_none() -> None:
    image = _ramp(80, 80)
    rises = [crop(image, 64, np.random.default_rng(i))[0] for crop in (dvae_crop, prior_crop) for i in range(60)]
    flipped = [bool(row[0, 0] > row[-1, 0]) for row in rises]
    assert 15 <= sum(flipped[:60]) <= 45
    assert not any(flipped[60:])


def test_the_prior_crop_of_a_long_image_stays_near_its_centre() -> None:
    image = _ramp(64, 240)
    lefts = [int(prior_crop(image, 64, np.random.default_rng(i))[0, 0, 0]) for i in range(50)]
    margin = 240 - 64
    assert min(lefts) >= 3 * margin // 8
    assert max(lefts) < 5 * margin // 8
    assert len(set(lefts)) > 10


@pytest.mark.parametrize("crop", [dvae_crop, prior_crop])
def test_images_smaller_than_the_crop_are_refused(crop: object) -> None:
    assert callable(crop)
    with pytest.raises(ImageTooSmallError, match="60x70"):
        crop(_ramp(70, 60), 64, np.random.default_rng(0))
