"""The prior's loss: cross-entropy of text and of codes, weighted 1/8 and 7/8 (paper 2.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# With the paper's vocabularies the logits of all positions would take more memory than the rest of a small model, and
# more time. So they are made, and their gradients, of so many positions at a time; fewer logits are faster all at once.
_CHUNKED = nn.LinearCrossEntropyOptions(batch_chunk_size=256, chunking_method=None)
_MOST_AT_ONCE = 2**22


def prior_loss(text: Tensor, image: Tensor, text_weight: float) -> Tensor:
    """Weighted sum of the two mean losses, scalars in nats per symbol."""
    return text_weight * text + (1.0 - text_weight) * image


def text_loss(
    states: Tensor, head: nn.Linear, targets: Tensor, vocab: int, with_padding: bool, count: Tensor | None = None
) -> Tensor:
    """Cross-entropy of text symbols in nats, their sum divided by a count.

    Args:
        states: fp32 [B, T - 1, C], of which the head gives logits [B, T - 1, V_text + T].
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
    counted = counted_targets(targets, vocab, with_padding) if count is None else count
    return _summed(states, head, flat) / counted.clamp(min=1e-9)


def counted_targets(targets: Tensor, vocab: int, with_padding: bool) -> Tensor:
    """How many text targets count: a scalar."""
    return torch.tensor(targets.numel(), device=targets.device) if with_padding else (targets < vocab).sum()


def image_loss(states: Tensor, head: nn.Linear, codes: Tensor) -> Tensor:
    """Mean cross-entropy of codes in nats, a scalar: states fp32 [B, n, C], codes int64 [B, n]."""
    return _summed(states, head, codes.flatten()) / codes.numel()


def _summed(states: Tensor, head: nn.Linear, targets: Tensor) -> Tensor:
    """Sum of the cross-entropies in fp32 (paper D), without those whose target is -100."""
    with torch.autocast(states.device.type, enabled=False):
        return F.linear_cross_entropy(
            states.flatten(0, 1),
            head.weight,
            targets,
            linear_bias=head.bias,
            reduction="sum",
            ignore_index=-100,
            options=_CHUNKED if targets.numel() * head.out_features > _MOST_AT_ONCE else None,
        )
