"""Images to codes and codes to images, for callers outside training: NumPy in, NumPy out."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.dvae.model import DVAE


def pixels_to_float(images: Tensor) -> Tensor:
    """uint8 [B, 3, H, W] to fp32 in [0, 1], channels last in memory."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255.0)


def float_to_pixels(images: Tensor) -> Tensor:
    """fp32 [B, 3, H, W] in [0, 1] to uint8, rounded to nearest."""
    return images.mul(255.0).round_().clamp_(0, 255).to(torch.uint8)


@torch.inference_mode()
def encode_images(
    dvae: DVAE, images: NDArray[np.uint8], batch_size: int = 64, bf16: bool = False
) -> NDArray[np.uint16]:
    """Codes of images that already have the dVAE's size.

    Args:
        images: uint8 RGB [B, H, W, 3].
        bf16: run the trunk under bfloat16 autocast; about 0.3 % of the codes change.

    Returns:
        uint16 [B, h*w] in raster order, the same for an image whatever its neighbours.

    Raises:
        ValueError: the images have another size than the model.
    """
    size = dvae.config.image_size
    if images.ndim != 4 or images.shape[1:] != (size, size, 3):
        raise ValueError(f"images of shape {images.shape} do not fit a dVAE of [B, {size}, {size}, 3]")
    device = next(dvae.parameters()).device
    parts = [np.empty((0, dvae.config.codes_per_image), np.uint16)]
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size])).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            codes = dvae.codes(pixels_to_float(batch.permute(0, 3, 1, 2)))
        parts.append(codes.cpu().numpy().astype(np.uint16))
    return np.concatenate(parts)


@torch.inference_mode()
def decode_codes(dvae: DVAE, codes: NDArray[np.uint16], batch_size: int = 64) -> NDArray[np.uint8]:
    """Images that codes stand for.

    Args:
        codes: uint16 [B, h*w].

    Returns:
        uint8 RGB [B, H, W, 3].

    Raises:
        ValueError: codes of another length, or beyond the vocabulary.
    """
    c = dvae.config
    if codes.ndim != 2 or codes.shape[1] != c.codes_per_image:
        raise ValueError(f"codes of shape {codes.shape} do not fit a dVAE of [B, {c.codes_per_image}]")
    if codes.size and int(codes.max()) >= c.vocab_size:
        raise ValueError(f"code {int(codes.max())} is beyond the vocabulary of {c.vocab_size}")
    device = next(dvae.parameters()).device
    parts = [np.empty((0, c.image_size, c.image_size, 3), np.uint8)]
    for start in range(0, len(codes), batch_size):
        batch = torch.from_numpy(codes[start : start + batch_size].astype(np.int64)).to(device)
        pixels = float_to_pixels(dvae.images(batch))
        parts.append(pixels.permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(parts)
