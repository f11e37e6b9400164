"""What a trained prior does on pairs whose codes are known: its loss at each position, and where its images look."""

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from models.prior.attention import Attention
from models.prior.config import MaskType
from models.prior.masks import stream_mask
from models.prior.model import Prior, TransformerBlock

_MOST_LOGITS = 2**24  # at a time: 64 MiB


@torch.inference_mode()
def position_losses(prior: Prior, captions: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each next symbol in nats, given the true ones before it.

    Args:
        captions: token ids with PAD, int64 [B, caption_length].
        codes: int64 [B, n].

    Returns:
        Of text, fp32 [B, T - 1], NaN where the symbol is padding, and of codes, fp32 [B, n].
    """
    c = prior.config
    rows = max(1, _MOST_LOGITS // (c.text_length * (c.text_vocab + c.text_length) + c.codes_per_image * c.image_vocab))
    parts = [_losses(prior, *part) for part in zip(captions.split(rows), codes.split(rows), strict=True)]
    text, image = zip(*parts, strict=True)
    return torch.cat(text), torch.cat(image)


def _losses(prior: Prior, captions: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    text, image = prior(captions, codes)
    targets = prior.text_targets(captions)
    on_text = F.cross_entropy(text.mT, targets, reduction="none")
    on_image = F.cross_entropy(image.mT, codes, reduction="none")
    return on_text.masked_fill(targets >= prior.config.text_vocab, float("nan")), on_image


@torch.inference_mode()
def text_attention(prior: Prior, captions: Tensor, codes: Tensor) -> dict[MaskType, Tensor]:
    """How much the image positions look at each text position, by kind of layer.

    All weights of a layer are made at once, [B, H, n, L]: for a few pairs.

    Args:
        captions, codes: as in `position_losses`.

    Returns:
        [B, T] each: means over the layers of a kind, their heads and the image positions. What is left of 1 lies on the
        image.
    """
    embedding, text = prior.embedding, prior.config.text_length
    x = torch.cat([embedding.text(embedding.text_ids(captions)), embedding.image(codes)], dim=1)
    found: dict[MaskType, list[Tensor]] = defaultdict(list)
    for block in _blocks(prior):
        weights = attention_weights(block.attention, block.attention_norm(x))
        found[block.attention.kind].append(weights[:, :, text:, :text].mean((1, 2)))
        x = block(x)
    return {kind: torch.stack(layers).mean(0) for kind, layers in found.items()}


def attention_weights(attention: Attention, x: Tensor) -> Tensor:
    """The weights of a layer, [B, H, L, L], each row a position that looks, from its normed input [B, L, C].

    They are those of the dense form of `attention`, which the other forms equal up to rounding.
    """
    qkv = attention.qkv(x).unflatten(-1, (3, attention.heads, attention.head_size))
    query, key, _ = qkv.permute(2, 0, 3, 1, 4)
    scores = query @ key.mT * attention.head_size**-0.5
    allowed = stream_mask(attention.kind, attention.config).to(x.device)
    return scores.masked_fill(~allowed, float("-inf")).softmax(-1)


def _blocks(prior: Prior) -> Iterator[TransformerBlock]:
    for block in prior.blocks:
        assert isinstance(block, TransformerBlock)
        yield block
