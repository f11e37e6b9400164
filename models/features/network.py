"""The interface of a network that looks at pictures: numbers for what it sees, and a probability for each class."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # [N, H, W, 3], RGB


@dataclass(frozen=True)
class Seen:
    """What a network sees in pictures: float32 [N, D], and float32 [N, C], whose rows sum to one."""

    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]


class FeatureNetwork(ABC):
    """A finished network. It brings pictures of any size to its own.

    Attributes:
        name: as it is to be told beside every figure that comes of it.
        batch: how many pictures it is given at once.
    """

    name: str
    batch: int = 16

    def see(self, images: Images) -> Seen:
        """Features and probabilities of pictures [N, H, W, 3], N at least 1. Those of one do not depend on others."""
        starts = [*range(0, len(images), self.batch), len(images)]
        parts = [self._see(images[start:stop]) for start, stop in pairwise(starts)]
        return Seen(
            np.concatenate([part.features for part in parts]), np.concatenate([part.probabilities for part in parts])
        )

    def features(self, images: Images) -> NDArray[np.float32]:
        """Features alone, [N, D]."""
        return self.see(images).features

    @abstractmethod
    def _see(self, images: Images) -> Seen:
        """The same for at most `batch` pictures."""
