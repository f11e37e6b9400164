"""Pictures inside the page: every image becomes a data URI, so that the page needs nothing else."""

import base64
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from models.training.images import centre_crop, decode

_QUALITY, _LOSSLESS = 92, 101  # OpenCV: a WebP quality above 100 keeps every pixel


def data_uri(encoded: bytes, side: int, exact: bool = False, whole: bool = False) -> str:
    """The centred square of an image, or the whole of it, at most `side` pixels wide and high, as WebP."""
    import cv2

    image = decode(encoded)
    if whole:
        shrink = min(1.0, side / max(image.shape[:2]))
        height, width = (max(1, round(length * shrink)) for length in image.shape[:2])
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    else:
        image = centre_crop(image, min(side, *image.shape[:2]))
    options = [cv2.IMWRITE_WEBP_QUALITY, _LOSSLESS if exact else _QUALITY]
    webp = cv2.imencode(".webp", image[:, :, ::-1], options)[1]
    return "data:image/webp;base64," + base64.b64encode(webp.tobytes()).decode()


def picture(
    encoded: bytes | None, side: int, alt: str, classes: Sequence[str] = (), exact: bool = False, whole: bool = False
) -> Markup:
    """An `<img>`, or an empty frame where there is no image or it cannot be read.

    Args:
        exact: keep every pixel, at three times the bytes.
        whole: show all of the image instead of its centred square.
    """
    names = " ".join(("pic", *classes, *(["whole"] if whole else [])))
    uri = _readable(encoded, side, exact, whole)
    if uri is None:
        return Markup('<span class="{} none" role="img" aria-label="no image"></span>').format(names)
    return Markup('<img class="{}" src="{}" alt="{}" title="{}" loading="lazy" decoding="async">').format(
        names, uri, alt, alt
    )


def _readable(encoded: bytes | None, side: int, exact: bool, whole: bool) -> str | None:
    from models.training.errors import DataError

    if not encoded:
        return None
    try:
        return data_uri(encoded, side, exact, whole)
    except DataError:
        return None
