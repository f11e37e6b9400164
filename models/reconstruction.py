"""Quality of an image tokenizer: PSNR of its reconstructions and use of its codes."""

import torch
from torch import Tensor

from models.tokenizer import ImageTokenizer, float_to_pixels, pixels_to_float


@torch.no_grad()
def reconstruction_metrics(tokenizer: ImageTokenizer, batches: list[Tensor]) -> dict[str, float]:
    """Metrics of images that a tokenizer in evaluation mode encodes and decodes.

    Args:
        batches: uint8 images, each [B, 3, H, W].

    Returns:
        psnr: mean over images of 10 log10(255^2 / mean squared error), dB, on rounded pixels; codes_used:
        different codes that occur; usage: their share of the vocabulary; perplexity: exp of the entropy of the
        codes' frequencies.
    """
    psnrs, counts = [], torch.zeros(tokenizer.config.vocab_size, dtype=torch.float64)
    for batch in batches:
        pixels = batch.to(tokenizer.device)
        codes = tokenizer.encode(pixels_to_float(pixels))
        psnrs.append(psnr(float_to_pixels(tokenizer.decode(codes)), pixels))
        counts += torch.bincount(codes.flatten().cpu(), minlength=len(counts))
    used = int((counts > 0).sum())
    return {
        "psnr": float(torch.cat(psnrs).mean()),
        "codes_used": float(used),
        "usage": used / len(counts),
        "perplexity": perplexity(counts),
    }


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
