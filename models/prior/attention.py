"""Self-attention of the prior over whole streams, as in training."""

from torch import Tensor, nn
from torch.nn import functional as F

from models.prior.config import MaskType, PriorModelConfig
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
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, self.head_size))  # [B, L, 3, H, D]
        if self.kind == "full":
            query, key, value = qkv.permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2).flatten(2)
        else:
            mixed = structured_attention(qkv, self.config, self.kind)
        merged: Tensor = self.out(mixed)
        return merged
