"""Image tokenizers, which turn images into codes and back: their interface, and how a trained one is loaded."""

from abc import ABC, abstractmethod
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.config import TokenizerModelConfig
from models.training.checkpoint import load_weights, read_config, read_kind
from models.training.errors import CheckpointError


class ImageTokenizer(nn.Module, ABC):
    """A model that turns images into codes and back. Its `config` gives the number of codes and their grid.

    Attributes:
        config_type: the class of `config`, to read a checkpoint with.
    """

    config_type: type[TokenizerModelConfig]
    config: TokenizerModelConfig

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Images in [0, 1], fp32 [B, 3, H, W], to codes in raster order, int64 [B, h*w]."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Codes in raster order, int64 [B, h*w], to images in [0, 1], fp32 [B, 3, H, W]."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device


# Kind of tokenizer, as its config names it: module and class. A new kind is one line here.
TOKENIZERS = {
    "dvae": ("models.dvae.model", "DVAE"),
    "vqgan": ("models.vqgan.model", "VQGAN"),
}


def load_tokenizer(directory: str | Path, device: str | torch.device = "cpu") -> ImageTokenizer:
    """Read an image tokenizer from a folder with config.json and weights.safetensors, ready for inference.

    Raises:
        CheckpointError: the folder does not hold exactly such a model, or one of no known kind.
    """
    kind = read_kind(Path(directory))
    if kind not in TOKENIZERS:
        raise CheckpointError(f"{directory} holds a tokenizer of kind {kind!r}; known are {', '.join(TOKENIZERS)}")
    module, name = TOKENIZERS[kind]
    model_type: type[ImageTokenizer] = getattr(import_module(module), name)
    model = model_type(read_config(Path(directory), model_type.config_type))
    load_weights(model, Path(directory), device)
    return model.eval()


def pixels_to_float(images: Tensor) -> Tensor:
    """uint8 [B, 3, H, W] to fp32 in [0, 1], channels last in memory."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255.0)


def float_to_pixels(images: Tensor) -> Tensor:
    """fp32 [B, 3, H, W] in [0, 1] to uint8, rounded to nearest."""
    return images.mul(255.0).round_().clamp_(0, 255).to(torch.uint8)


@torch.inference_mode()
def encode_images(
    tokenizer: ImageTokenizer, images: NDArray[np.uint8], batch_size: int = 64, bf16: bool = False
) -> NDArray[np.uint16]:
    """Codes of images that already have the tokenizer's size.

    Args:
        images: uint8 RGB [B, H, W, 3].
        bf16: run under bfloat16 autocast; about 0.3 % of a dVAE's codes change.

    Returns:
        uint16 [B, h*w] in raster order; those of an image do not depend on the others.

    Raises:
        ValueError: the images have another size than the model.
    """
    size = tokenizer.config.image_size
    if images.ndim != 4 or images.shape[1:] != (size, size, 3):
        raise ValueError(f"images of shape {images.shape} do not fit a tokenizer of [B, {size}, {size}, 3]")
    parts = [np.empty((0, tokenizer.config.codes_per_image), np.uint16)]
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size])).to(tokenizer.device)
        with torch.autocast(tokenizer.device.type, torch.bfloat16, enabled=bf16):
            codes = tokenizer.encode(pixels_to_float(batch.permute(0, 3, 1, 2)))
        parts.append(codes.cpu().numpy().astype(np.uint16))
    return np.concatenate(parts)


@torch.inference_mode()
def decode_codes(tokenizer: ImageTokenizer, codes: NDArray[np.uint16], batch_size: int = 64) -> NDArray[np.uint8]:
    """Decode codes to images.

    Args:
        codes: uint16 [B, h*w].

    Returns:
        uint8 RGB [B, H, W, 3].

    Raises:
        ValueError: codes of another length, or beyond the vocabulary.
    """
    c = tokenizer.config
    if codes.ndim != 2 or codes.shape[1] != c.codes_per_image:
        raise ValueError(f"codes of shape {codes.shape} do not fit a tokenizer of [B, {c.codes_per_image}]")
    if codes.size and int(codes.max()) >= c.vocab_size:
        raise ValueError(f"code {int(codes.max())} is beyond the vocabulary of {c.vocab_size}")
    parts = [np.empty((0, c.image_size, c.image_size, 3), np.uint8)]
    for start in range(0, len(codes), batch_size):
        batch = torch.from_numpy(codes[start : start + batch_size].astype(np.int64)).to(tokenizer.device)
        parts.append(float_to_pixels(tokenizer.decode(batch)).permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(parts)
