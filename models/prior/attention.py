"""Self-attention of the prior: whole streams in training, one position at a time in sampling."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.prior.config import MaskType, PriorModelConfig
from models.prior.masks import visible_positions
from models.prior.structure import structured_attention


@dataclass
class LayerCache:
    """Keys and values of one layer while N candidates of each of P prompts are drawn.

    Attributes:
        text_keys, text_values: [P, H, T, D] for H heads of size D, stored once per prompt and shared by its candidates.
        keys, values: [P * N, H, n, D], filled up to the image position being drawn.
    """

    text_keys: Tensor
    text_values: Tensor
    keys: Tensor
    values: Tensor


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
        self.visible = visible_positions(kind, config)

    def forward(self, x: Tensor) -> Tensor:
        """Whole streams [B, L, C] to the same shape."""
        if self.kind != "full":
            qkv = self.qkv(x).unflatten(-1, (3, self.heads, self.head_size))
            sparse: Tensor = self.out(structured_attention(qkv, self.config, self.kind))
            return sparse
        query, key, value = self._project(x)
        return self._merge(F.scaled_dot_product_attention(query, key, value, is_causal=True))

    def prefill(self, x: Tensor, candidates: int, image_positions: int) -> tuple[Tensor, LayerCache]:
        """Text positions [P, T, C] to the same shape, and a cache with room for the image."""
        query, key, value = self._project(x)
        room = (x.shape[0] * candidates, self.heads, image_positions, self.head_size)
        cache = LayerCache(key, value, key.new_zeros(room), value.new_zeros(room))
        return self._merge(F.scaled_dot_product_attention(query, key, value, is_causal=True)), cache

    def step(self, x: Tensor, cache: LayerCache, position: int) -> Tensor:
        """Image position `position` of every candidate, [P * N, 1, C] to the same shape; adds it to the cache."""
        query, key, value = self._project(x)
        cache.keys[:, :, position], cache.values[:, :, position] = key[:, :, 0], value[:, :, 0]
        keys, values = self._seen(cache.keys, position), self._seen(cache.values, position)
        prompts, text = cache.text_keys.shape[0], cache.text_keys.shape[2]
        shared = query.reshape(prompts, -1, self.heads, self.head_size).transpose(1, 2)  # [P, H, N, D]
        on_text = self._per_candidate(shared @ cache.text_keys.mT)
        scores = torch.cat([on_text, query @ keys.mT], dim=-1) * self.head_size**-0.5
        weights = scores.float().softmax(-1).to(values.dtype)
        text_weights = weights[..., :text].reshape(prompts, -1, self.heads, text).transpose(1, 2)
        mixed = weights[..., text:] @ values + self._per_candidate(text_weights @ cache.text_values)
        return self._merge(mixed)

    def _seen(self, cached: Tensor, position: int) -> Tensor:
        if self.kind == "full":
            return cached[:, :, : position + 1]
        if self.kind == "row":
            return cached[:, :, int(self.visible[position][0]) : position + 1]
        return cached[:, :, self.visible[position].to(cached.device)]

    def _per_candidate(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).reshape(-1, self.heads, 1, x.shape[-1])  # [P, H, N, K] to [P * N, H, 1, K]

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, length, _ = x.shape
        split = self.qkv(x).view(batch, length, 3, self.heads, self.head_size).permute(2, 0, 3, 1, 4)
        return split[0], split[1], split[2]

    def _merge(self, mixed: Tensor) -> Tensor:
        merged: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return merged
