"""Bytes to pixels, and the crops that the paper trains on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.errors import DataError, ImageTooSmallError

Pixels = NDArray[np.uint8]  # [H, W, 3], RGB


def decode(encoded: bytes) -> Pixels:
    """JPEG, PNG or WebP bytes to RGB uint8 [H, W, 3]; transparent images are blended with white.

    Raises:
        DataError: the bytes are no image.
    """
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DataError(f"{len(encoded)} bytes that are no image")
    if image.dtype != np.uint8:
        image = (image // 257).astype(np.uint8)
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    if image.shape[2] == 4:
        alpha = image[:, :, 3:].astype(np.uint16)
        image = ((image[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(image[:, :, ::-1])


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
