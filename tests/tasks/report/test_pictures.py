"""Pictures inside the page: squares once each on sheets, and the whole image where its shape is what matters."""

import base64
import re

import cv2
import numpy as np
import pytest

from tasks.report.pictures import ACROSS, PictureSheets, exact_picture, whole_picture

SIDE = 16


def png(colour: tuple[int, int, int], width: int = 20, height: int = 20) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), colour[::-1], np.uint8))[1].tobytes()


def decoded(uri: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]


def shown(element: str, style: str) -> np.ndarray:
    """What a browser shows of an element: the part of its sheet that its position and the sheet's scale name."""
    name = re.search(r'class="pic (s\d+)"', element)[1]
    uri, scale = re.search(rf"\.{name}{{background:url\((data:[^)]+)\) 0 0/([\d.]+)%}}", style).groups()
    sheet = decoded(uri)
    side = round(len(sheet) / (float(scale) / 100))
    left, top = (
        round(float(percent) / 100 * (len(sheet) - side))
        for percent in re.search(r"position:([\d.]+)% ([\d.]+)%", element).groups()
    )
    return sheet[top : top + side, left : left + side]


def colour_of(number: int) -> tuple[int, int, int]:
    return number % 5 * 60, number // 5 % 8 * 36, number // 40 * 36


def test_each_of_many_pictures_is_shown_by_its_own_part_of_a_sheet() -> None:
    sheets = PictureSheets(SIDE)
    numbers = range(ACROSS**2 + 5)
    elements = [sheets.picture(png(colour_of(number)), f"picture {number}") for number in numbers]
    style = sheets.style()
    assert style.count("data:image/webp") == 2
    for number, element in zip(numbers, elements, strict=True):
        part = shown(element, style)
        assert part.shape == (SIDE, SIDE, 3)
        assert np.abs(part[4:-4, 4:-4].mean((0, 1)) - colour_of(number)).max() < 25


def test_a_picture_that_is_shown_twice_is_stored_once() -> None:
    sheets = PictureSheets(SIDE)
    first, other, again = (sheets.picture(png(colour), "a cat") for colour in ((9, 9, 9), (99, 9, 9), (9, 9, 9)))
    assert first == again != other


def test_a_picture_says_what_it_shows_and_cannot_break_the_page() -> None:
    assert 'role="img" title="&lt;b&gt; &#34;cat&#34;"' in PictureSheets(SIDE).picture(png((1, 2, 3)), '<b> "cat"')


@pytest.mark.parametrize("damaged", [None, b"", b"no image"])
def test_what_cannot_be_read_is_an_empty_frame(damaged: bytes | None) -> None:
    sheets = PictureSheets(SIDE)
    assert 'class="pic ghost none" role="img" aria-label="no image"' in sheets.picture(damaged, "a cat", "ghost")
    assert 'class="pic none"' in whole_picture(damaged, "a cat", 96)
    assert sheets.style() == ""


@pytest.mark.parametrize(("shape", "size"), [((400, 40), (128, 13)), ((30, 300), (13, 128)), ((50, 20), (50, 20))])
def test_an_image_refused_for_its_shape_is_shown_whole(shape: tuple[int, int], size: tuple[int, int]) -> None:
    element = whole_picture(png((99, 99, 99), *shape), "a strip", 128)
    assert 'class="pic whole"' in element
    assert decoded(re.search(r'src="([^"]+)"', element)[1]).shape[1::-1] == size


def test_an_exact_picture_keeps_every_pixel() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    element = exact_picture(cv2.imencode(".png", noise[:, :, ::-1])[1].tobytes(), "noise")
    assert np.array_equal(decoded(re.search(r'src="([^"]+)"', element)[1]), noise)
