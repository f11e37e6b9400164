"""The prior's loss: cross-entropy of text and of codes, weighted 1/8 and 7/8 (paper 2.2)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def prior_loss(text: Tensor, image: Tensor, text_weight: float) -> Tensor:
    """Weighted sum of the two mean losses, scalars in nats per symbol."""
    return text_weight * text + (1.0 - text_weight) * image


def text_loss(logits: Tensor, targets: Tensor, vocab: int, with_padding: bool, count: Tensor | None = None) -> Tensor:
    """Cross-entropy of text symbols in nats, their sum divided by a count.

    Args:
        logits: fp32 [B, T - 1, V_text + T].
        targets: int64 [B, T - 1]; ids from `vocab` on are padding.
        with_padding: count padding targets too.
        count: scalar; if unset, that of these targets, which gives their mean. With the mean count of all parts of a
            batch, the mean of the parts' losses is that of the batch, however its targets are spread over the parts.

    Returns:
        A scalar; 0 if there are no targets.
    """
    flat = targets.flatten()
    if not with_padding:
        flat = flat.masked_fill(flat >= vocab, -100)
    summed = F.cross_entropy(logits.flatten(0, 1), flat, ignore_index=-100, reduction="sum")
    return summed / (counted_targets(targets, vocab, with_padding) if count is None else count).clamp(min=1e-9)


def counted_targets(targets: Tensor, vocab: int, with_padding: bool) -> Tensor:
    """How many text targets count: a scalar."""
    return torch.tensor(targets.numel(), device=targets.device) if with_padding else (targets < vocab).sum()


def image_loss(logits: Tensor, codes: Tensor) -> Tensor:
    """Mean cross-entropy of codes in nats, a scalar: logits fp32 [B, n, V], codes int64 [B, n]."""
    return F.cross_entropy(logits.flatten(0, 1), codes.flatten())
