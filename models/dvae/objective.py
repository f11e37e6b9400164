"""A dVAE on images that are not trained on: its reconstructions, how good the bound is, and what hard codes cost."""

from collections.abc import Sequence

import torch

from models.dvae.losses import gumbel_softmax, kl_to_uniform, logit_laplace_nll, phi
from models.dvae.model import DVAE
from models.reconstruction import ImageBatch, Reconstructions
from models.tokenizer import pixels_to_float
from models.training.randomness import generator_of
from models.training.validation import total

AT_ONCE = 16  # images: at the paper's size their logits alone take half a gigabyte


@torch.no_grad()
def validation_metrics(model: DVAE, batches: Sequence[ImageBatch], tau: float, seed: int) -> dict[str, float]:
    """Figures of the reconstructions, and the evidence lower bound (ELB, 2.1: weight 1 on the KL term).

    Each image is encoded once, and decoded twice: from relaxed and from hard codes.

    Args:
        model: in evaluation mode.
        batches: this rank's; every rank must call it.
        tau: temperature of the relaxed codes.
        seed: of their noise.

    Returns:
        The figures of `Reconstructions`, and means over images, in nats. elb_relaxed and elb_hard: the bound per pixel,
        with relaxed samples and with the most likely codes; elb_gap: what hardening loses of it; nll_per_pixel,
        nll_per_cell: negative log-likelihood of the colours under hard codes; kl_per_pixel, kl_per_cell: divergence of
        the codes from uniform.
    """
    c = model.config
    sums = {"images": 0.0, "relaxed": 0.0, "hard": 0.0, "kl": 0.0}
    reconstructions = Reconstructions(c.vocab_size)
    for batch in batches:
        for number, images in enumerate(batch.images.split(AT_ONCE), start=batch.first // AT_ONCE):
            part = images.to(model.device)
            x = pixels_to_float(part)
            target, logits = phi(x), model.logits(x)
            soft = gumbel_softmax(logits, tau, generator_of(seed, "objective", number, device=model.device))
            codes = logits.argmax(1).flatten(1)
            mu, log_scale = model.decode_hard(codes)
            softened = logit_laplace_nll(target, *model.decode_soft(soft))
            if batch.counts:
                reconstructions.add(part, codes, model.images(mu))
                sums["images"] += len(x)
                sums["relaxed"] += float(softened.sum())
                sums["hard"] += float(logit_laplace_nll(target, mu, log_scale).sum())
                sums["kl"] += float(kl_to_uniform(logits).sum())
    count, relaxed, hard, kl = total(sums).values()
    pixels, cells = count * c.image_size**2, count * c.codes_per_image
    return reconstructions.figures() | {
        "elb_relaxed": -(relaxed + kl) / pixels,
        "elb_hard": -(hard + kl) / pixels,
        "elb_gap": (hard - relaxed) / pixels,
        "nll_per_pixel": hard / pixels,
        "nll_per_cell": hard / cells,
        "kl_per_pixel": kl / pixels,
        "kl_per_cell": kl / cells,
    }
