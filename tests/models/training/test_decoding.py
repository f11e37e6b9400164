"""A picture is decoded to what a browser shows, and whatever is wrong with it is a DataError."""

import io
import random
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.fuzzing import FUZZ_S
from support.icc import ADOBE_RGB, rgb_profile
from support.mutations import mutated
from support.shown_pictures import HEIGHT, WIDTH, file, image, levels, oriented, pictures

from models.training.errors import DataError
from models.training.essentials import is_plain_jpeg
from models.training.images import decode, decode_and_measure

SHEET = Path(__file__).parent / "renderings" / "browser.png"  # made by render.py
CELL, COLUMNS = 48, 8  # as there
TOLERANCE = 2  # levels: colours are rounded in other places
FILES = pictures()
# Chromium does not turn WebP; this pipeline turns every format that can say how its pixels lie.
TURNED_HERE = {"webp_orientation_3": 2}


@cache
def sheet() -> np.ndarray:
    return np.asarray(Image.open(SHEET).convert("RGB"))


def browsers(name: str) -> np.ndarray:
    """The whole place of a picture on the sheet: [48, 48, 3]."""
    row, column = divmod(list(FILES).index(name), COLUMNS)
    return sheet()[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]


@pytest.mark.parametrize("name", FILES)
def test_a_picture_is_decoded_to_what_a_browser_shows(name: str) -> None:
    shown = decode(FILES[name])
    place = np.full((CELL, CELL, 3), 255, np.uint8)
    place[: shown.shape[0], : shown.shape[1]] = np.rot90(shown, -TURNED_HERE.get(name, 0))
    assert np.abs(place.astype(int) - browsers(name)).max() <= TOLERANCE


TIFFS = {
    "plain": (file(image(), "TIFF"), levels(3)),
    "packed": (file(image(), "TIFF", compression="tiff_lzw"), levels(3)),
    "grey of 16 bits": (file(Image.fromarray(levels(1, 16)[:, :, 0]), "TIFF"), levels(1)),
    "turned": (file(image(), "TIFF", exif=oriented(6)), np.rot90(levels(3), -1)),
    "transparent": (file(Image.new("RGBA", (WIDTH, HEIGHT), (9, 9, 9, 0)), "TIFF"), np.full((HEIGHT, WIDTH, 3), 255)),
    "Adobe RGB": (
        file(image(), "TIFF", icc_profile=rgb_profile(ADOBE_RGB, (563 / 256,))),
        decode(FILES["png_adobe_rgb"]),
    ),
}


@pytest.mark.parametrize("name", TIFFS)
def test_tiff_which_browsers_do_not_read_is_decoded_by_the_same_rules(name: str) -> None:
    encoded, expected = TIFFS[name]
    shown, size = decode_and_measure(encoded)
    assert size == (expected.shape[1], expected.shape[0])
    assert np.abs(shown.astype(int) - expected).max() <= TOLERANCE


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_of_32_bits_are_refused_with_their_mode(mode: str) -> None:
    with pytest.raises(DataError, match=f"mode {mode}"):
        decode(file(Image.new(mode, (4, 4)), "TIFF"))


@pytest.mark.parametrize("image_format", ["JPEG", "MPO"])
@pytest.mark.parametrize(("at_least", "divisor"), [(None, 1), (401, 1), (400, 2), (101, 4), (100, 8), (1, 8)])
def test_a_jpeg_may_be_decoded_smaller_and_still_tells_its_size(
    image_format: str, at_least: int | None, divisor: int
) -> None:
    large = image().resize((1200, 800), Image.Resampling.BICUBIC)
    more = {"save_all": True, "append_images": [Image.new("RGB", (9, 9))]} if image_format == "MPO" else {}
    encoded = file(large, image_format, exif=oriented(6), quality=95, **more)
    shown, size = decode_and_measure(encoded, at_least)
    assert size == (800, 1200)
    assert shown.shape == (1200 // divisor, 800 // divisor, 3)
    expected = Image.fromarray(decode(encoded)).resize((800 // divisor, 1200 // divisor), Image.Resampling.BOX)
    assert np.abs(shown.astype(int) - np.asarray(expected)).max() <= 8


@pytest.mark.parametrize("name", ["png", "jpeg", "webp_lossless_rgba", "gif", "bmp", "png_16_bit_rgba"])
def test_half_a_file_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="no image"):
        decode(FILES[name][: len(FILES[name]) // 2])


def test_a_format_that_is_not_read_is_refused() -> None:
    with pytest.raises(DataError, match="no image"):
        decode(file(image(), "PPM"))


def fuzz(seconds: float, seed: int = 0) -> tuple[int, int]:
    """Decodes mutated files of each format for a time; how many were pictures, and how many refused."""
    chance = random.Random(seed)
    files = [*FILES.values(), *(encoded for encoded, _ in TIFFS.values())]
    shown = refused = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        encoded = mutated(chance.choice(files), chance)
        try:
            pixels = decode(encoded, chance.choice((None, 8)))
        except DataError:
            refused += 1
            continue
        shown += 1
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
    return shown, refused


@pytest.mark.slow
@pytest.mark.timeout(FUZZ_S + 120)
def test_damaged_files_are_pictures_or_refused() -> None:
    shown, refused = fuzz(FUZZ_S)
    assert shown > 50
    assert refused > 50


def test_a_picture_that_claims_to_be_huge_is_refused_before_memory_is_taken() -> None:
    encoded = bytearray(FILES["bmp"])
    encoded[18:26] = (60_000).to_bytes(4, "little") * 2
    with pytest.raises(DataError, match="no image"):
        decode(bytes(encoded))


def test_the_table_holds_what_the_sheet_shows() -> None:
    """A picture added to the table needs render.py to be run."""
    assert sheet().shape == (-(-len(FILES) // COLUMNS) * CELL, COLUMNS * CELL, 3)
    assert Image.open(io.BytesIO(FILES["jpeg_phone"])).n_frames == 2


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_plain_jpeg_has_the_pixels_of_pillow_to_the_last_bit(mode: str, progressive: bool, subsampling: str) -> None:
    random = np.random.default_rng(0)
    for width, height in ((64, 48), (17, 33), (1, 1)):
        picture = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=80, progressive=progressive, subsampling=subsampling)
        assert is_plain_jpeg(file.getvalue(), most_pixels=width * height)
        assert not is_plain_jpeg(file.getvalue(), most_pixels=width * height - 1)
        shown = np.asarray(Image.open(file).convert("RGB"))
        assert np.array_equal(decode(file.getvalue()), shown)


@pytest.mark.parametrize("about", [{}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, {"icc_profile": b"x" * 20}])
def test_a_jpeg_that_says_how_it_is_shown_is_not_plain(about: dict[str, bytes]) -> None:
    for mode, plain in (("RGB", not about), ("CMYK", False)):
        file = io.BytesIO()
        Image.new(mode, (16, 16)).save(file, "JPEG", **about)
        assert is_plain_jpeg(file.getvalue(), most_pixels=256) is plain


def test_a_plain_jpeg_that_is_cut_is_refused_as_before() -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(file, "JPEG")
    for end in range(len(file.getvalue()) // 2, len(file.getvalue()) - 2, 37):
        with pytest.raises(DataError, match="truncated"):
            decode(file.getvalue()[:end])
