"""Keys and values that are kept while images are drawn: the text's once per prompt, and of the image what can be seen.

A row layer looks back W positions and a conv layer a few rows, so theirs are rings, whose oldest place is written next.
"""

from functools import cache

import torch
from torch import Tensor

from models.prior.config import MaskType, PriorModelConfig
from models.prior.masks import image_distances


def cached_positions(kind: MaskType, config: PriorModelConfig) -> int:
    """Image positions for which a layer keeps keys and values, M."""
    reach = (config.conv_kernel - 1) // 2
    seen = {"row": config.grid + 1, "conv": reach * config.grid + reach + 1}
    return min(seen.get(kind, config.codes_per_image), config.codes_per_image)


def cache_bytes(config: PriorModelConfig, dtype: torch.dtype) -> int:
    """Bytes that the caches of all layers take for one candidate; the text's, which candidates share, not counted."""
    positions = sum(cached_positions(kind, config) for kind in config.mask_types)
    return 2 * positions * config.width * dtype.itemsize


class KeyCache:
    """Keys and values of one layer while N candidates of each of P prompts are drawn.

    Attributes:
        text_keys, text_values: [P * H, T, D] for H heads of size D.
    """

    def __init__(
        self, kind: MaskType, config: PriorModelConfig, text_keys: Tensor, text_values: Tensor, candidates: int
    ) -> None:
        """An empty cache.

        Args:
            text_keys, text_values: [P, H, T, D].
            candidates: N.
        """
        self._kind = kind
        self._grid = config.grid
        self._positions = cached_positions(kind, config)
        self.text_keys, self.text_values = text_keys.flatten(0, 1), text_values.flatten(0, 1)
        prompts, heads, _, size = text_keys.shape
        self._kept = text_keys.new_zeros(2, prompts, heads, candidates, self._positions, size)
        self._keys, self._values = self._kept.flatten(1, 3)
        self._hidden = _hidden_in_ring(config, self._positions).to(text_keys) if kind == "conv" else None

    def write(self, keys_and_values: Tensor, position: int) -> None:
        """Keep the keys and values of one image position, [2, P, H, N, D]."""
        self._kept[:, :, :, :, self._slot(position)] = keys_and_values

    def visible(self, position: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values that the position may see, with its own: [P * H * N, m, D] each, in no fixed order.

        Returns:
            With them what is added to the scores on these keys, [m], -inf for those of a ring that are hidden.
        """
        slot = self._slot(position)
        first = slot - position // self._grid if self._kind == "column" else 0
        end = slot + 1 if self._kind in ("column", "full") else min(position + 1, self._positions)
        hidden = None if self._hidden is None else self._hidden[position % self._positions, :end]
        return self._keys[:, first:end], self._values[:, first:end], hidden

    def _slot(self, position: int) -> int:
        """Where a position is kept. Those of a column lie together."""
        if self._kind == "column":
            return position % self._grid * self._grid + position // self._grid
        return position % self._positions


@cache
def _hidden_in_ring(config: PriorModelConfig, positions: int) -> Tensor:
    """What is added to a conv layer's scores at each of M steps in a row on each of its M places, [M, M]: 0 or -inf."""
    slots = torch.arange(positions)
    # In two steps of M positions, a slot's distance to the present one repeats.
    distances = (slots[:, None] - slots[None, :]) % positions
    allowed = image_distances("conv", config.grid, config.conv_kernel, distances)
    return torch.zeros(allowed.shape).masked_fill_(~allowed, float("-inf"))
