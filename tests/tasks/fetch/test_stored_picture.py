"""A picture is stored as sharp as OpenCV's average of all its pixels would be."""

import io

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image
from support.shown_pictures import file

from models.training.images import Pixels, decode
from tasks.fetch.stored_picture import AVERAGED_FROM, SUBSAMPLING, StoredPicture, averaging, shrunk

RATIOS = [1.01, 1.1, 1.5, 2, 2.6, 3, 3.003, 3.5, 4.4, 5.9, 6, 9.7]


def photograph(side: int = 768) -> Pixels:
    """Detail of all sizes, the finer the fainter, as photographs have it: [side, side, 3]."""
    random, picture = np.random.default_rng(0), np.full((side, side, 3), 128, np.float32)
    for cells in (4, 16, 64, 256, side):
        noise = random.normal(scale=120 / cells**0.5, size=(cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    return picture.clip(0, 255).astype(np.uint8)


def psnr(one: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio, in dB."""
    error = ((one.astype(float) - other) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def as_stored(pixels: Pixels) -> Pixels:
    """The pixels after they were a JPEG of the usual quality."""
    return decode(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), 95, "RGB", SUBSAMPLING))


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_shrunk_picture_is_as_near_to_the_ideal_as_an_average_is(ratio: float) -> None:
    picture = photograph()
    small = shrunk(picture, round(768 / ratio))
    side = small.shape[0]
    average = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    ideal = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))
    assert psnr(as_stored(small), ideal) > psnr(as_stored(average), ideal) - 0.3


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("level", [0, 3, 128, 254, 255])
def test_an_even_colour_stays_what_it_is(ratio: float, level: int) -> None:
    assert (shrunk(np.full((300, 420, 3), level, np.uint8), round(300 / ratio)) == level).all()


def test_a_picture_is_neither_enlarged_nor_changed() -> None:
    picture = photograph(64)
    assert shrunk(picture, 64) is picture
    assert shrunk(picture, 65) is picture
    before = picture.copy()
    assert shrunk(picture, 30).shape == (30, 30, 3)
    assert (picture == before).all()


SIZES = {
    (1024, 768): (341, 256),
    (256, 4000): (256, 4000),
    (257, 9): (257, 9),
    (300, 5000): (256, 4267),
    (2000, 257): (1992, 256),
}


@pytest.mark.parametrize(("size", "stored"), SIZES.items())
def test_the_shortest_side_is_bounded_and_the_shape_kept(size: tuple[int, int], stored: tuple[int, int]) -> None:
    pixels = shrunk(np.zeros((size[1], size[0], 3), np.uint8), 256)
    assert pixels.shape == (stored[1], stored[0], 3)


@pytest.mark.parametrize("ratio", [ratio for ratio in RATIOS if ratio < AVERAGED_FROM])
def test_the_weights_are_those_of_an_average(ratio: float) -> None:
    weights = averaging(ratio)
    assert weights.sum() == pytest.approx(1)
    assert (weights == weights[::-1]).all()
    assert len(weights) <= ratio + 4


def test_the_same_file_is_stored_as_the_same_bytes() -> None:
    encoded = file(Image.fromarray(photograph()), "JPEG", quality=90)
    stored = [StoredPicture(256, 95)(io.BytesIO(encoded)) for _ in range(2)]
    assert stored[0] == stored[1]
    assert stored[0][1:] == (256, 256, 768, 768, None)
    assert decode(stored[0][0]).shape == (256, 256, 3)


def test_what_jpeg_has_no_number_for_is_an_error_and_no_exception() -> None:
    wide = file(Image.new("RGB", (65_536, 1)))
    assert StoredPicture(256, 95)(io.BytesIO(wide))[:5] == (None,) * 5
    assert StoredPicture(256, 95)(io.BytesIO(b"no picture"))[5]
