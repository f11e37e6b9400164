"""A dVAE on images that are not trained on: its reconstructions, how good the bound is, and what hard codes cost."""

import torch
from torch import Tensor

from models.dvae.losses import gumbel_softmax, kl_to_uniform, logit_laplace_nll, phi
from models.dvae.model import DVAE
from models.reconstruction import Reconstructions
from models.tokenizer import pixels_to_float
from models.training.randomness import generator_of

AT_ONCE = 16  # images: at the paper's size their logits alone take half a gigabyte


@torch.no_grad()
def validation_metrics(model: DVAE, batches: list[Tensor], tau: float, seed: int) -> dict[str, float]:
    """Figures of the reconstructions, and the evidence lower bound (ELB, 2.1: weight 1 on the KL term).

    Each image is encoded once, and decoded twice: from relaxed and from hard codes.

    Args:
        model: in evaluation mode.
        batches: uint8 images, each [B, 3, H, W].
        tau: temperature of the relaxed codes.
        seed: of their noise.

    Returns:
        The figures of `Reconstructions`, and means over images, in nats. elb_relaxed and elb_hard: the bound per pixel,
        with relaxed samples and with the most likely codes; elb_gap: what hardening loses of it; nll_per_pixel,
        nll_per_cell: negative log-likelihood of the colours under hard codes; kl_per_pixel, kl_per_cell: divergence of
        the codes from uniform.
    """
    c = model.config
    images, relaxed, hard, kl = 0, 0.0, 0.0, 0.0
    reconstructions = Reconstructions(c.vocab_size)
    parts = (part.to(model.device) for batch in batches for part in batch.split(AT_ONCE))
    for number, part in enumerate(parts):
        x = pixels_to_float(part)
        target, logits = phi(x), model.logits(x)
        soft = gumbel_softmax(logits, tau, generator_of(seed, "objective", number, device=model.device))
        codes = logits.argmax(1).flatten(1)
        mu, log_scale = model.decode_hard(codes)
        reconstructions.add(part, codes, model.images(mu))
        images += len(x)
        relaxed += float(logit_laplace_nll(target, *model.decode_soft(soft)).sum())
        hard += float(logit_laplace_nll(target, mu, log_scale).sum())
        kl += float(kl_to_uniform(logits).sum())
    pixels, cells = images * c.image_size**2, images * c.codes_per_image
    return reconstructions.figures() | {
        "elb_relaxed": -(relaxed + kl) / pixels,
        "elb_hard": -(hard + kl) / pixels,
        "elb_gap": (hard - relaxed) / pixels,
        "nll_per_pixel": hard / pixels,
        "nll_per_cell": hard / cells,
        "kl_per_pixel": kl / pixels,
        "kl_per_cell": kl / cells,
    }
