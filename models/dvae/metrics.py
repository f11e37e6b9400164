"""How good a dVAE is with hard codes: PSNR and code use."""

import torch
from torch import Tensor

from models.dvae.inference import float_to_pixels, pixels_to_float
from models.dvae.model import DVAE


@torch.no_grad()
def reconstruction_metrics(dvae: DVAE, batches: list[Tensor]) -> dict[str, float]:
    """Metrics of the argmax version of a model in evaluation mode.

    Args:
        batches: uint8 images, each [B, 3, H, W].

    Returns:
        psnr: mean over images of 10 log10(255^2 / mean squared error), dB, on rounded pixels; codes_used:
        different codes that occur; usage: that over the vocabulary; perplexity: exp of the entropy of the
        codes' frequencies.
    """
    psnrs, counts = [], torch.zeros(dvae.config.vocab_size, dtype=torch.float64)
    device = next(dvae.parameters()).device
    for batch in batches:
        pixels = batch.to(device)
        codes = dvae.codes(pixels_to_float(pixels))
        psnrs.append(psnr(float_to_pixels(dvae.images(codes)), pixels))
        counts += torch.bincount(codes.flatten().cpu(), minlength=len(counts))
    used = int((counts > 0).sum())
    return {
        "psnr": float(torch.cat(psnrs).mean()),
        "codes_used": float(used),
        "usage": used / len(counts),
        "perplexity": perplexity(counts),
    }


def psnr(images: Tensor, targets: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of uint8 images [B, 3, H, W]: [B]; identical images count 1/2 grey level off."""
    error = (images.float() - targets.float()).square().flatten(1).mean(1)
    return 10 * torch.log10(255.0**2 / error.clamp(min=0.25))


def perplexity(counts: Tensor) -> float:
    """exp of the entropy of the frequencies that counts [V] give; 0 when there are none."""
    total = counts.sum()
    if total == 0:
        return 0.0
    frequencies = counts[counts > 0] / total
    return float(torch.exp(-(frequencies * frequencies.log()).sum()))
