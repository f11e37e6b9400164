"""Images that do not show what their caption says, by the cosine of a published CLIP. As LAION was filtered."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.clip.model import Ranker, load_ranker, score
from tasks.checkpoints import device
from tasks.screen_images.rule import ContentRule, Picture, below, centre_square

RESAMPLING = {"bilinear": Image.Resampling.BILINEAR}


class CLIPAgreement(ContentRule):
    """The cosine of image and caption must reach a limit."""

    reason: ClassVar[str] = "low_clip_score"

    def __init__(self, folder: Path, min_score: float) -> None:
        self.ranker = load_ranker(folder, device())
        self.min_score = min_score

    def view(self, picture: Picture) -> Picture:
        """As `square_of`."""
        return square_of(picture, self.ranker)

    def refusals(self, views: NDArray[np.uint8], captions: Sequence[str]) -> list[str | None]:
        """The cosine of each pair that is too low."""
        return below(score(self.ranker, views, captions), self.min_score)


def square_of(picture: Picture, ranker: Ranker) -> Picture:
    """The centred square in the size to which a CLIP's preprocessing resizes it, [S, S, 3]."""
    wanted = ranker.preprocessing
    resampling = RESAMPLING.get(wanted.mode, Image.Resampling.BICUBIC)
    square = centre_square(picture)
    return np.asarray(Image.fromarray(picture).resize((wanted.resized, wanted.resized), resampling, box=square))
