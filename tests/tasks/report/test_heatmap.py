"""Heat maps: small, in the colours of the page, and told in words as well."""

import base64
import re
import xml.etree.ElementTree as ET

import cv2
import numpy as np

from tasks.evaluate.quantities import HeatMap
from tasks.report.heatmap import heatmap

NAMED = HeatMap(rows=((0.0, 0.5), (0.25, 1.0)), row_names=("row", "conv"), column_names=("a", "<frog>"), unit="share")


def cells(svg: str) -> np.ndarray:
    encoded = re.search(r'base64,([^"]+)"', svg)[1]
    return cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_UNCHANGED)


def test_larger_values_are_stronger_and_the_smallest_is_still_seen() -> None:
    shown = cells(heatmap("map", "Attention", NAMED))
    assert shown.shape == (2, 2)
    assert 0 < shown[0, 0] < shown[1, 0] < shown[0, 1] < shown[1, 1] == 255


def test_the_title_tells_where_the_largest_and_the_smallest_value_are() -> None:
    svg = ET.fromstring(heatmap("map", "Attention", NAMED))
    assert svg[0].text == "Attention: largest 100% at conv, <frog>; smallest 0% at row, a"
    assert {"row", "conv", "a", "<frog>", "pale: 0%, strong: 100%"} == {text.text for text in svg.iter("text")}


def test_places_of_a_picture_are_a_square_and_have_no_names() -> None:
    grid = HeatMap(
        rows=tuple(tuple(float(row * 32 + column) for column in range(32)) for row in range(32)), unit="nats"
    )
    drawn = heatmap("map", "Loss", grid)
    mask = ET.fromstring(drawn).find(".//image")
    assert mask.get("width") == mask.get("height")
    assert "smallest 0 nats at row 1, column 1" in drawn
    assert len(drawn) < 4000


def test_equal_values_and_no_values_are_drawn_too() -> None:
    assert len(set(cells(heatmap("map", "Loss", HeatMap(rows=((2.0, 2.0),)))).ravel().tolist())) == 1
    assert heatmap("map", "Loss", HeatMap(rows=())) == ""
