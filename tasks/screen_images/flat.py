"""Images of nearly one colour, such as placeholders and failed scans."""

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.screen_images.rule import ContentRule, Picture, below

SIDE = 64  # averaged down to it, which leaves no noise of the compression


class FlatImages(ContentRule):
    """The largest of the three channels' standard deviations must reach a limit."""

    reason: ClassVar[str] = "flat"

    def __init__(self, min_deviation: float) -> None:
        self.min_deviation = min_deviation

    def view(self, picture: Picture) -> Picture:
        """The whole picture, [64, 64, 3]."""
        return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)

    def refusals(self, views: NDArray[np.uint8], captions: Sequence[str]) -> list[str | None]:
        """The deviation of each image that is too flat."""
        return below(views.std(axis=(1, 2)).max(axis=1), self.min_deviation)
