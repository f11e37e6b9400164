"""The prior's loss: cross-entropy of text and of codes, weighted 1/8 and 7/8 (paper 2.2)."""

from torch import Tensor
from torch.nn import functional as F


def prior_loss(text: Tensor, image: Tensor, text_weight: float) -> Tensor:
    """Weighted sum of the two mean losses, scalars in nats per symbol."""
    return text_weight * text + (1.0 - text_weight) * image


def text_loss(logits: Tensor, targets: Tensor, vocab: int, with_padding: bool) -> Tensor:
    """Mean cross-entropy of text symbols in nats.

    Args:
        logits: fp32 [B, T - 1, V_text + T].
        targets: int64 [B, T - 1]; ids from `vocab` on are padding.
        with_padding: count padding targets too.

    Returns:
        A scalar; 0 if there are no targets.
    """
    flat = targets.flatten()
    if not with_padding:
        flat = flat.masked_fill(flat >= vocab, -100)
    summed = F.cross_entropy(logits.flatten(0, 1), flat, ignore_index=-100, reduction="sum")
    return summed / (flat != -100).sum().clamp(min=1)


def image_loss(logits: Tensor, codes: Tensor) -> Tensor:
    """Mean cross-entropy of codes in nats, a scalar: logits fp32 [B, n, V], codes int64 [B, n]."""
    return F.cross_entropy(logits.flatten(0, 1), codes.flatten())
