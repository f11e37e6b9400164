"""The contrastive loss of CLIP (Radford et al. 2021, section 2.3), without equal captions as negatives."""

import torch
from torch import Tensor
from torch.nn import functional as F


def contrastive_loss(images: Tensor, captions: Tensor, scale: Tensor, groups: Tensor) -> Tensor:
    """Symmetric cross-entropy over a batch, nats.

    Args:
        images: unit vectors [B, P].
        captions: unit vectors [B, P] of the same pairs.
        scale: scalar factor on the cosines.
        groups: int64 [B]; pairs with the same number have the same caption and are left out of each other's
            negatives.

    Returns:
        A scalar, the mean over images and captions, computed in fp32 under autocast too.
    """
    with torch.autocast(images.device.type, enabled=False):
        logits = scale.float() * images.float() @ captions.float().T
    same = groups[:, None] == groups[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, float("-inf"))
    target = torch.arange(len(logits), device=logits.device)
    return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))


def caption_groups(captions: list[str]) -> Tensor:
    """Number captions so that equal ones share a number: int64 [B]."""
    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(caption, len(numbers)) for caption in captions])


def retrieval_accuracy(images: Tensor, captions: Tensor, groups: Tensor) -> float:
    """Share of images whose nearest caption is their own or an equal one; vectors [B, P], groups [B]."""
    if len(images) == 0:
        return 0.0
    nearest = (images @ captions.T).argmax(1)
    return float((groups[nearest] == groups).float().mean())
