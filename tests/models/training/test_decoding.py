"""A picture is decoded to what a browser shows, and whatever is wrong with it is a DataError."""

import io
import random
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image
from support.fuzzing import FUZZ_S
from support.icc import ADOBE_RGB, rgb_profile
from support.mutations import mutated
from support.shown_pictures import HEIGHT, WIDTH, file, image, levels, oriented, pictures

from models.training.errors import DataError
from models.training.images import decode, decode_and_measure, open_image
from models.training.plain_jpeg import bare_jpeg, plain_jpeg

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


def pillows(encoded: bytes, at_least: int | None) -> np.ndarray:
    """A JPEG as Pillow alone decodes it."""
    with Image.open(io.BytesIO(encoded)) as opened:
        if at_least is not None:
            opened.draft(None, (at_least, at_least))
        return np.asarray(opened)


@pytest.mark.parametrize("at_least", [None, 20])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("progressive", [False, True])
def test_an_ordinary_jpeg_has_the_pixels_that_pillow_has_for_it(
    at_least: int | None, subsampling: str, progressive: bool
) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8))
    encoded = file(noise, "JPEG", quality=80, subsampling=subsampling, progressive=progressive)
    with open_image(encoded) as opened:
        assert plain_jpeg(opened, encoded) is not None
    assert (decode(encoded, at_least) == pillows(encoded, at_least)).all()


@pytest.mark.parametrize("subsampling", ["444", "422", "420", "440", "411"])
def test_a_jpeg_as_the_pipeline_stores_it_needs_no_look_at_its_header(subsampling: str) -> None:
    encoded = simplejpeg.encode_jpeg(levels(3), 95, "RGB", subsampling)
    shown = bare_jpeg(encoded)
    assert shown is not None
    assert (shown == pillows(encoded, None)).all()


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("jpeg", "jpeg_bytes_behind")])
def test_a_file_that_says_more_than_its_pixels_is_looked_at(name: str) -> None:
    assert bare_jpeg(FILES[name]) is None


def test_a_damaged_jpeg_without_metadata_has_the_pixels_of_a_close_look_or_gets_one() -> None:
    chance, bare = random.Random(0), 0
    for _ in range(1000):
        encoded = mutated(FILES["jpeg"], chance)
        shown = bare_jpeg(encoded)
        if shown is not None:
            bare += 1
            with open_image(encoded) as opened:
                looked_at = plain_jpeg(opened, encoded)
            assert looked_at is not None
            assert (shown == looked_at).all()
    assert bare > 50


@pytest.mark.parametrize("side", [8192, 65535])
def test_a_jpeg_that_claims_to_be_huge_gets_a_close_look(side: int) -> None:
    encoded = bytearray(FILES["jpeg"])
    height = encoded.index(b"\xff\xc0\x00\x11\x08") + 5
    encoded[height : height + 2] = side.to_bytes(2, "big")
    assert bare_jpeg(bytes(encoded)) is None


def test_a_jpeg_that_lacks_pixels_in_its_middle_is_what_pillow_makes_of_it() -> None:
    encoded = FILES["jpeg"]
    short = encoded[: -len(encoded) // 8] + encoded[-2:]
    with open_image(short) as opened:
        assert plain_jpeg(opened, short) is None
    assert (decode(short) == pillows(short, None)).all()


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
