"""Sparse attention by FlexAttention, which skips the blocks of 128 x 128 scores that a pattern hides: for CUDA."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from models.prior.config import MaskType, PriorModelConfig


def flexible_attention(qkv: Tensor, config: PriorModelConfig, kind: MaskType) -> Tensor:
    """Attention of whole streams under one pattern; on a CPU it has no gradients and is slow, for tests.

    Args:
        qkv: queries, keys and values [B, L, 3, H, D], text positions first.

    Returns:
        [B, L, H * D].
    """
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    mask = block_mask(kind, config, qkv.device)
    # Uncompiled it computes every score; the compiler has no gradients for a CPU.
    attend = _compiled() if qkv.is_cuda else flex_attention
    mixed: Tensor = attend(query, key, value, block_mask=mask)
    return mixed.transpose(1, 2).flatten(2)


@lru_cache(maxsize=8)
def block_mask(kind: MaskType, config: PriorModelConfig, device: torch.device) -> BlockMask:
    """Which blocks a pattern hides, and the pattern inside those that it does not hide whole."""
    length = config.length
    return create_block_mask(_pattern(kind, config), None, None, length, length, device=device)


def _pattern(kind: MaskType, config: PriorModelConfig) -> Callable[..., Tensor]:
    """`masks.stream_mask` as FlexAttention asks for it: a function of the numbers of a query and a key."""
    text, grid, reach = config.text_length, config.grid, (config.conv_kernel - 1) // 2

    def seen(distance: Tensor) -> Tensor:
        if kind == "row":
            return distance <= grid
        if kind == "column":
            return distance % grid == 0
        if kind == "conv":  # a W + e with e in [-reach, W - reach): within the window where e is at most reach
            return ((distance + reach) % grid <= 2 * reach) & (distance <= reach * grid + reach)
        return distance >= 0

    def pattern(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & ((key < text) | seen(query - key))

    return pattern


@lru_cache(maxsize=1)
def _compiled() -> Any:
    return torch.compile(flex_attention)
