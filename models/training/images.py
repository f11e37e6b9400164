"""Bytes to pixels as a browser shows them, and the crops that the paper trains on."""

import io
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from models.training.colours import on_white
from models.training.errors import DataError, ImageTooSmallError
from models.training.essentials import JPEG, PNG, jpeg_essentials, png_essentials
from models.training.plain_jpeg import JPEGS, bare_jpeg, plain_jpeg

# Pillow warns of large images, from a header it has only looked at, and of metadata that make no sense, which any web
# site can send. Callers judge the size themselves.
warnings.filterwarnings("ignore", module=r"PIL\.")

Pixels = NDArray[np.uint8]  # [H, W, 3], RGB
Size = tuple[int, int]  # width and height in pixels

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # Pillow tells a JPEG that is an MPO by itself
# Pillow's method for each EXIF orientation; 1 is upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)  # orientations that exchange width and height


def decode(encoded: bytes, at_least: int | None = None) -> Pixels:
    """The picture a browser shows on a white page, as RGB uint8 [H, W, 3].

    Reads JPEG, PNG, WebP, GIF, BMP and TIFF. Applies the EXIF orientation and the colour profile (to sRGB), blends
    transparency with white, and takes the first frame of an animation.

    Args:
        at_least: a JPEG may come out smaller by 2, 4 or 8, which is faster and takes less memory, as long as both
            its sides keep this many pixels. None: in full size.

    Raises:
        DataError: the bytes are no such picture, or not all of one.
    """
    return decode_and_measure(encoded, at_least)[0]


def decode_and_measure(encoded: bytes, at_least: int | None = None) -> tuple[Pixels, Size]:
    """`decode`, and the size in which a browser shows the picture, which does not depend on `at_least`.

    Raises:
        DataError: as `decode`.
    """
    try:
        if at_least is None and (pixels := bare_jpeg(encoded)) is not None:
            return pixels, (pixels.shape[1], pixels.shape[0])
        with open_image(encoded) as image:
            width, height = image.size
            if image.format in JPEGS:
                if at_least is not None:
                    image.draft(None, (at_least, at_least))  # None keeps the mode
                if _orientation(image) not in TURNS and (pixels := plain_jpeg(image, encoded)) is not None:
                    return pixels, (width, height)
            frame = image.tile[0][1] if image.format == "GIF" else None
            image.load()
            orientation = _orientation(image)
            shown = on_white(image)
            if shown is not image:
                image.close()  # its pixels: 160 MB of 40 megapixels
            if frame is not None and frame != (0, 0, width, height):  # Pillow paints what is beside it
                picture, shown = shown.crop(frame), Image.new("RGB", shown.size, "white")
                shown.paste(picture, frame)
    except Exception as error:  # damaged files make decoders raise errors of any kind
        raise DataError(f"{len(encoded)} bytes that are no image: {str(error)[:200]}") from error
    del image  # 160 MB of a large one, while the next lines copy
    if orientation in TURNS:
        shown = shown.transpose(TURNS[orientation])
    return np.array(shown), (height, width) if orientation in LYING else (width, height)


def open_image(encoded: bytes) -> ImageFile.ImageFile:
    """The image, not decoded yet, without metadata that would be in the way. Raises whatever Pillow raises."""
    if encoded.startswith(PNG):
        encoded = png_essentials(encoded)
    try:
        return Image.open(io.BytesIO(encoded), formats=FORMATS)
    except Exception:
        if not encoded.startswith(JPEG):
            raise
        return Image.open(io.BytesIO(jpeg_essentials(encoded)), formats=FORMATS)


def _orientation(image: Image.Image) -> int:
    """How a viewer is to turn the image, 1 to 8. Unreadable EXIF data turns nothing. Pillow turns TIFF by itself."""
    if "exif" not in image.info or image.format == "TIFF":
        return 1
    exif = Image.Exif()
    try:
        exif.load(image.info["exif"])
        return int(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:  # anything, as above; the pixels are good
        return 1


def encode_png(image: Pixels) -> bytes:
    """RGB uint8 [H, W, 3] to PNG bytes."""
    return bytes(cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))[1])


def resize(image: Pixels, side: int) -> Pixels:
    """Square image to [side, side, 3]: area average when it shrinks, linear when it grows; rounded to uint8."""
    if image.shape[0] == side:
        return image
    method = cv2.INTER_AREA if image.shape[0] > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=method), dtype=np.uint8)


def centre_crop(image: Pixels, size: int) -> Pixels:
    """The largest centred square, resized to [size, size, 3]: for evaluation, and for training without augmentation."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(image[top : top + side, left : left + side], size)


def dvae_crop(image: Pixels, size: int, random: np.random.Generator) -> Pixels:
    """The dVAE's random crop, scaled from the paper's 256 to `size` (listing 1): [size, size, 3].

    A random square with the short side's length, resized to between 9/8 and 12/8 of `size` (no larger than the
    square), a random crop of `size`, and a horizontal flip with probability 1/2.

    Raises:
        ImageTooSmallError: the short side is below `size`.
    """
    height, width = image.shape[:2]
    side = _side(image, size)
    top, left = random.integers(height - side + 1), random.integers(width - side + 1)
    target = int(random.integers(min(side, size * 9 // 8), min(side, size * 12 // 8) + 1))
    crop = _window(resize(image[top : top + side, left : left + side], target), size, random)
    return np.ascontiguousarray(crop[:, ::-1]) if random.random() < 0.5 else crop


def prior_crop(image: Pixels, size: int, random: np.random.Generator) -> Pixels:
    """The prior's random crop (listing 2): near the centre, at most 9/8 of `size`, never flipped: [size, size, 3].

    Raises:
        ImageTooSmallError: the short side is below `size`.
    """
    height, width = image.shape[:2]
    side = _side(image, size)
    margin = max(height, width) - side
    low = 3 * margin // 8
    offset = int(random.integers(low, max(low + 1, 5 * margin // 8)))
    top, left = (offset, 0) if height > width else (0, offset)
    target = int(random.integers(size, min(side, size * 9 // 8) + 1))
    return _window(resize(image[top : top + side, left : left + side], target), size, random)


def _side(image: Pixels, size: int) -> int:
    side = min(image.shape[:2])
    if side < size:
        raise ImageTooSmallError(
            f"an image of {image.shape[1]}x{image.shape[0]} pixels is too small for crops of {size}"
        )
    return side


def _window(image: Pixels, size: int, random: np.random.Generator) -> Pixels:
    top, left = random.integers(image.shape[0] - size + 1), random.integers(image.shape[1] - size + 1)
    return np.ascontiguousarray(image[top : top + size, left : left + size])
