"""What can be seen of a generator that draws codes, on pairs whose codes are known. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PositionLosses:
    """Cross-entropy of each next symbol in nats, all symbols before it being the true ones (teacher forcing).

    Attributes:
        text: float32 [B, T - 1], of the second text position and those after it; NaN where a caption has no token.
        image: float32 [B, h*w], of the codes in raster order.
    """

    text: NDArray[np.float32]
    image: NDArray[np.float32]


@dataclass(frozen=True)
class TextAttention:
    """Where the image positions look, by kind of layer: mean weights over its layers, heads and image positions.

    Attributes:
        tokens: of the caption, as text.
        on_tokens: weight on each of them.
        on_image: weight on all image positions together. The rest of 1 lies on the text positions without a token.
    """

    tokens: tuple[str, ...]
    on_tokens: Mapping[str, tuple[float, ...]]
    on_image: Mapping[str, float]
