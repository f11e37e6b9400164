"""The codes of a picture, readable one by one."""

import xml.etree.ElementTree as ET

import cv2
import numpy as np

from tasks.report.gallery import Rebuilt
from tasks.report.tokens import code_grid, is_bright

CODES = np.array([7, 250, 250, 3], "<u2")


def drawn(picture: np.ndarray) -> ET.Element:
    png = cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()
    return ET.fromstring(code_grid(Rebuilt("a cat", 20.0, CODES, png, png)))


def test_every_code_stands_in_its_place_with_the_colour_of_its_part_of_the_picture() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4, 4:] = 255
    picture[4:, :4] = (200, 30, 0)
    cells = list(drawn(picture))
    assert [cell.findtext("text") for cell in cells] == ["7", "250", "250", "3"]
    assert [cell.find("path").get("fill") for cell in cells] == ["#000000", "#ffffff", "#c81e00", "#000000"]
    assert [cell.find("path").get("d")[:6].split("h")[0] for cell in cells] == ["M0 0", "M10 0", "M0 10", "M10 10"]
    assert cells[1].findtext("title") == "code 250, 2 here"


def test_the_picture_says_how_many_codes_there_are() -> None:
    assert drawn(np.zeros((8, 8, 3), np.uint8)).get("aria-label") == "2 by 2 codes, 3 of them different"


def test_ink_is_the_one_of_black_and_white_that_stands_out_more() -> None:
    colours = {(255, 255, 0): True, (0, 0, 160): False, (128, 128, 128): True, (90, 90, 90): False}
    assert {colour: is_bright(np.array(colour)) for colour in colours} == colours
