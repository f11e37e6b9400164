"""What the rules about the content of images have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # [H, W, 3], RGB


class ContentRule(ABC):
    """Rejects images by what they show. One object serves all shards of a process, so it may hold a model.

    Attributes:
        reason: the code of its rejects.
    """

    reason: ClassVar[str]

    @abstractmethod
    def view(self, picture: Picture) -> Picture:
        """What the rule looks at of a decoded picture: of the same size for all, [S, S, 3], so that a batch fits."""

    @abstractmethod
    def refusals(self, views: NDArray[np.uint8], captions: Sequence[str]) -> list[str | None]:
        """For each image of a batch what decided against it, or None.

        Args:
            views: uint8 [B, S, S, 3].
            captions: one per image.
        """


def below(scores: Sequence[float] | NDArray[np.float32], least: float) -> list[str | None]:
    """The scores that are below a limit, as details of rejects."""
    return [f"{score:.3f}" if score < least else None for score in scores]


def centre_square(picture: Picture, share: float = 1.0) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the centred square whose side is this share of the short side."""
    height, width = picture.shape[:2]
    side = share * min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
