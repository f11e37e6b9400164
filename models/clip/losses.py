"""The contrastive loss of CLIP (Radford et al. 2021, section 2.3), without equal captions as negatives."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.distributed import gather_over_ranks
from models.training.randomness import seed_of


def contrastive_loss(images: Tensor, captions: Tensor, scale: Tensor, groups: Tensor, rank: int = 0) -> Tensor:
    """Symmetric cross-entropy, nats, of this rank's pairs against the negatives of all ranks, in fp32.

    The mean over ranks is the loss of the whole batch, and the mean of the ranks' gradients is its gradient.

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
        images, captions, scale = images.float(), captions.float(), scale.float()
        target = torch.arange(len(images), device=images.device) + rank * len(images)
        all_groups = gather_over_ranks(groups)
        same = groups[:, None] == all_groups[None, :]
        same[torch.arange(len(images)), target] = False
        of_images = scale * images @ gather_over_ranks(captions).T
        of_captions = scale * captions @ gather_over_ranks(images).T
        losses = (F.cross_entropy(each.masked_fill(same, float("-inf")), target) for each in (of_images, of_captions))
        return 0.5 * sum(losses, start=images.new_zeros(()))


def caption_groups(captions: Sequence[str]) -> Tensor:
    """Number captions so that equal ones share a number, on every rank the same: int64 [B]."""
    return torch.tensor([seed_of(caption) for caption in captions])


def retrieval_accuracy(images: Tensor, captions: Tensor, groups: Tensor) -> float:
    """Share of images whose nearest caption is their own or an equal one; vectors [B, P], groups [B]."""
    if len(images) == 0:
        return 0.0
    nearest = (images @ captions.T).argmax(1)
    return float((groups[nearest] == groups).float().mean())
