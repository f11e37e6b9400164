"""Pictures inside the page: nothing is asked for from outside, and none is stored twice."""

import base64
import hashlib

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from models.training.images import centre_crop, decode

QUALITY, LOSSLESS = 88, 101  # OpenCV: a WebP quality above 100 keeps every pixel
ACROSS = 16  # squares in a row, and rows, of a sheet
MARGIN_PX = 1  # around each square, in its own colours: a browser mixes neighbours when it enlarges a sheet

Pixels = NDArray[np.uint8]


class PictureSheets:
    """The square pictures of a page, each once, on sheets: half the bytes of so many single files.

    A sheet is the background of its squares, so `style` has to stand on the page.
    """

    def __init__(self, side: int) -> None:
        """Args:
        side: of the squares, pixels.
        """
        self._side = side
        self._pitch = side + 2 * MARGIN_PX
        self._places: dict[bytes, int | None] = {}
        self._sheets: list[Pixels] = []

    def picture(self, encoded: bytes | None, alt: str, *classes: str) -> Markup:
        """The centred square of an image; an empty frame where there is no image or it cannot be read."""
        names = " ".join(("pic", *classes))
        place = self._place(encoded)
        if place is None:
            return Markup('<i class="{} none" role="img" aria-label="no image"></i>').format(names)
        sheet, square = divmod(place, ACROSS**2)
        percent = [
            100 * (n * self._pitch + MARGIN_PX) / (ACROSS * self._pitch - self._side)
            for n in reversed(divmod(square, ACROSS))
        ]
        return Markup(
            '<i class="{} s{}" role="img" title="{}" style="background-position:{:.3f}% {:.3f}%"></i>'
        ).format(names, sheet, alt, *percent)

    def style(self) -> Markup:
        """The rules of the style sheet that hold the pictures drawn so far."""
        scale = 100 * ACROSS * self._pitch / max(self._side, 1)
        rules = (
            f".s{number}{{background:url({_webp(sheet, QUALITY)}) 0 0/{scale:.3f}%}}"
            for number, sheet in enumerate(self._sheets)
        )
        return Markup("\n".join(rules))

    def _place(self, encoded: bytes | None) -> int | None:
        key = hashlib.sha256(encoded or b"").digest()
        if key not in self._places:
            self._places[key] = self._stored(encoded)
        return self._places[key]

    def _stored(self, encoded: bytes | None) -> int | None:
        image = _read(encoded)
        if image is None:
            return None
        place = sum(place is not None for place in self._places.values())
        sheet, square = divmod(place, ACROSS**2)
        if sheet == len(self._sheets):
            self._sheets.append(np.full((ACROSS * self._pitch, ACROSS * self._pitch, 3), 255, np.uint8))
        top, left = (n * self._pitch for n in divmod(square, ACROSS))
        tile = np.pad(centre_crop(image, self._side), [(MARGIN_PX, MARGIN_PX)] * 2 + [(0, 0)], mode="edge")
        self._sheets[sheet][top : top + self._pitch, left : left + self._pitch] = tile
        return place


def whole_picture(encoded: bytes | None, alt: str, side: int) -> Markup:
    """All of an image, at most `side` pixels wide and high; an empty frame where there is none to be read."""
    image = _read(encoded)
    if image is None:
        return Markup('<i class="pic none" role="img" aria-label="no image"></i>')
    return picture_of(image, alt, side)


def picture_of(image: Pixels, alt: str, side: int) -> Markup:
    """Pixels, shrunk where they are more than `side` wide or high."""
    import cv2

    shrink = min(1.0, side / max(image.shape[:2]))
    height, width = (max(1, round(length * shrink)) for length in image.shape[:2])
    small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return _element(_webp(small, QUALITY), alt, "pic whole")


def exact_picture(encoded: bytes, alt: str) -> Markup:
    """An image with every pixel as it is."""
    return _element(_webp(decode(encoded), LOSSLESS), alt, "pic")


def _element(uri: str, alt: str, names: str) -> Markup:
    return Markup('<img class="{}" src="{}" alt="{}" title="{}" loading="lazy" decoding="async">').format(
        names, uri, alt, alt
    )


def _webp(image: Pixels, quality: int) -> str:
    """A data URI."""
    import cv2

    data = cv2.imencode(".webp", image[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode()


def _read(encoded: bytes | None) -> Pixels | None:
    from models.training.errors import DataError

    if not encoded:
        return None
    try:
        return decode(encoded)
    except DataError:
        return None
