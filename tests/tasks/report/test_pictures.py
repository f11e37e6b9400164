"""Pictures inside the page: squares for samples, the whole image where its shape is what matters."""

import base64

import cv2
import numpy as np
import pytest

from tasks.report.pictures import data_uri, picture


def strip(width: int, height: int) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), 99, np.uint8))[1].tobytes()


def size(uri: str) -> tuple[int, int]:
    image = cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8), cv2.IMREAD_COLOR)
    return image.shape[1], image.shape[0]


@pytest.mark.parametrize(("shape", "shown"), [((400, 40), (128, 13)), ((30, 300), (13, 128)), ((50, 20), (50, 20))])
def test_an_image_refused_for_its_shape_is_shown_whole(shape: tuple[int, int], shown: tuple[int, int]) -> None:
    assert size(data_uri(strip(*shape), 128, whole=True)) == shown
    assert size(data_uri(strip(*shape), 128)) == (min(*shape, 128),) * 2


def test_the_page_knows_which_images_are_whole() -> None:
    assert 'class="pic whole"' in picture(strip(40, 10), 128, "a strip", whole=True)
    assert 'class="pic"' in picture(strip(40, 10), 128, "a strip")
