"""How much the search for copies finds, tried on copies that are made of held-out pictures on purpose."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from tasks.evaluate.leakage.copies import OF_JUDGED, OF_TRAINING, kinds, views_of

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITY = 50  # of the JPEG as which every copy is stored, unless it is about compression
STRONG = 30


def made(picture: "Image") -> Mapping[str, Callable[[], bytes]]:
    """The copies of a picture by what is done to it: an encoded image each."""
    from PIL import Image, ImageEnhance, ImageOps

    width, height = picture.size

    def without(left: float, top: float, right: float, bottom: float) -> bytes:
        edges = round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height)
        return _jpeg(picture.crop(edges))

    def brighter(factor: float) -> bytes:
        return _jpeg(ImageEnhance.Brightness(picture).enhance(factor))

    return {
        "compressed": lambda: _jpeg(picture, STRONG),
        "half the size": lambda: _jpeg(picture.resize((width // 2 or 1, height // 2 or 1), Image.Resampling.LANCZOS)),
        "darker by a fifth": lambda: brighter(0.8),
        "brighter by a fifth": lambda: brighter(1.2),
        "less contrast": lambda: _jpeg(ImageEnhance.Contrast(picture).enhance(0.7)),
        "cropped by 3% all around": lambda: without(0.03, 0.03, 0.03, 0.03),
        "cropped by 8% all around": lambda: without(0.08, 0.08, 0.08, 0.08),
        "cropped by 5% at one side": lambda: without(0.05, 0, 0, 0),
        "mirrored": lambda: _jpeg(ImageOps.mirror(picture)),
    }


def copies_found(pictures: Sequence[bytes]) -> dict[str, list[bool]]:
    """For everything that is done to pictures, which of the copies are found beside their originals.

    Raises:
        DataError: one is no picture.
    """
    from PIL import Image

    from models.training.images import decode

    found: dict[str, list[bool]] = {}
    pairs = np.indices((OF_JUDGED, OF_TRAINING)).reshape(2, -1)
    one_is_whole = (pairs == 0).any(axis=0)
    for encoded in pictures:
        original = views_of(encoded, OF_JUDGED)
        for name, make in made(Image.fromarray(decode(encoded))).items():
            kind, _ = kinds(original, views_of(make(), OF_TRAINING), *pairs[:, one_is_whole])
            found.setdefault(name, []).append(bool((kind >= 0).any()))
    return found


def _jpeg(picture: "Image", quality: int = QUALITY) -> bytes:
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()
