"""Quality of an image tokenizer: PSNR of its reconstructions and use of its codes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models.tokenizer import ImageTokenizer, float_to_pixels, pixels_to_float
from models.training.distributed import sum_over_ranks


class ImageBatch(NamedTuple):
    """A batch of images to measure a tokenizer with.

    Attributes:
        images: uint8 [B, 3, H, W].
        first: number of the first one among the images of all batches, on all ranks.
        counts: whether it is this rank's to count: see `models.training.validation`.
    """

    images: Tensor
    first: int = 0
    counts: bool = True


class Reconstructions:
    """What is measured of images, their codes and what these are decoded to, batch by batch, over all ranks."""

    def __init__(self, vocab_size: int) -> None:
        self._images, self._psnrs = 0, 0.0
        self._counts = torch.zeros(vocab_size, dtype=torch.float64)

    def add(self, images: Tensor, codes: Tensor, rebuilt: Tensor) -> None:
        """Count a batch.

        Args:
            images: uint8 [B, 3, H, W].
            codes: int64 [B, h*w].
            rebuilt: what the codes are decoded to, in [0, 1], fp32 [B, 3, H, W].
        """
        self._images += len(images)
        self._psnrs += float(psnr(float_to_pixels(rebuilt), images).double().sum())
        self._counts += torch.bincount(codes.flatten().cpu(), minlength=len(self._counts))

    def figures(self) -> dict[str, float]:
        """Figures of all batches, the same on all ranks, which must call it together.

        Returns:
            psnr: mean over images of 10 log10(255^2 / mean squared error), dB, on rounded pixels; usage: share of the
            vocabulary that occurs; perplexity: exp of the entropy of the codes' frequencies.
        """
        own = torch.tensor([self._images, self._psnrs], dtype=torch.float64)
        of_all = sum_over_ranks(torch.cat([own, self._counts]))
        images, psnrs = of_all[:2].tolist()
        return {
            "psnr": psnrs / images,
            "usage": float((of_all[2:] > 0).double().mean()),
            "perplexity": perplexity(of_all[2:]),
        }


@torch.no_grad()
def reconstruction_metrics(tokenizer: ImageTokenizer, batches: Sequence[ImageBatch]) -> dict[str, float]:
    """The figures of `Reconstructions` for images and a tokenizer in evaluation mode."""
    found = Reconstructions(tokenizer.config.vocab_size)
    for batch in batches:
        images = batch.images.to(tokenizer.device)
        codes = tokenizer.encode(pixels_to_float(images))
        rebuilt = tokenizer.decode(codes)
        if batch.counts:
            found.add(images, codes, rebuilt)
    return found.figures()


def psnr(images: Tensor, targets: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, [B], of uint8 images [B, 3, H, W].

    It is at most 54.15: the root mean squared error counts as at least half a grey level.
    """
    error = (images.float() - targets.float()).square().flatten(1).mean(1)
    return 10 * torch.log10(255.0**2 / error.clamp(min=0.25))


def perplexity(counts: Tensor) -> float:
    """exp of the entropy of the frequencies that counts [V] give; 0 when there are none."""
    total = counts.sum()
    if total == 0:
        return 0.0
    frequencies = counts[counts > 0] / total
    return float(torch.exp(-(frequencies * frequencies.log()).sum()))
