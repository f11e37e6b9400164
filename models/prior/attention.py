"""Self-attention of the prior over whole streams, as in training; `decoding.py` has that of sampling."""

from torch import Tensor, nn
from torch.nn import functional as F

from models.prior.config import MaskType, PriorModelConfig
from models.prior.masks import stream_mask
from models.prior.structure import structured_attention


class Attention(nn.Module):
    """Multi-head attention under one mask; one softmax over text and image keys together (2.2, footnote 7)."""

    def __init__(self, config: PriorModelConfig, kind: MaskType) -> None:
        super().__init__()
        self.heads = config.heads
        self.head_size = config.width // config.heads
        self.kind = kind
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.config = config

    def forward(self, x: Tensor) -> Tensor:
        """Whole streams [B, L, C] to the same shape."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, self.head_size))
        mixed: Tensor = self.out(attention(qkv, self.config, self.kind))
        return mixed


def attention(qkv: Tensor, config: PriorModelConfig, kind: MaskType) -> Tensor:
    """Attention of whole streams under one mask, in the form that the config asks for; all agree up to rounding.

    Args:
        qkv: queries, keys and values [B, L, 3, H, D], text positions first.

    Returns:
        [B, L, H * D].
    """
    if kind == "full" or config.attention_form == "dense":
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        hidden = {"is_causal": True} if kind == "full" else {"attn_mask": stream_mask(kind, config).to(qkv.device)}
        return F.scaled_dot_product_attention(query, key, value, **hidden).transpose(1, 2).flatten(2)
    if config.attention_form == "flex":
        from models.prior.flex import flexible_attention  # which loads torch's compiler

        return flexible_attention(qkv, config, kind)
    return structured_attention(qkv, config, kind)
