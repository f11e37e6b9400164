"""Generators, which draw images for prompts: their interface, and how a trained one is loaded. Imports no torch."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.config import Frozen


class Sampling(Frozen):
    """How symbols are drawn from a predicted distribution. The paper draws at temperature 1 from all codes (2.6)."""

    temperature: float = Field(1.0, ge=0, description="Divides the logits; 0 takes the likeliest code every time.")
    top_k: int | None = Field(None, ge=1, description="Draw from the k likeliest codes only; all when unset.")
    top_p: float | None = Field(
        None, gt=0, le=1, description="Draw from the fewest likeliest codes that reach this probability."
    )


@dataclass(frozen=True)
class Drawing:
    """Drawn images of P prompts, N candidates each.

    Attributes:
        images: uint8 RGB [P, N, H, W, 3].
        codes: uint16 [P, N, h*w] of a generator that draws codes, else None.
    """

    images: NDArray[np.uint8]
    codes: NDArray[np.uint16] | None


class Generator(ABC):
    """A model that draws images for prompts."""

    @abstractmethod
    def draw(self, prompts: Sequence[str], n: int, seed: int = 0, sampling: Sampling | None = None) -> Drawing:
        """Draw n candidates for each prompt.

        Candidate i of a prompt depends on (seed, prompt, i) alone, up to rounding: not on n and not on the other
        prompts.

        Args:
            n: candidates for each prompt.
            sampling: for generators that draw symbol by symbol; others ignore it. Defaults of `Sampling` when None.
        """

    def unread(self, prompt: str) -> str:
        """The end of a prompt that is too long for the generator to read; empty if it reads all of it."""
        return ""


# Kind of generator, as its config names it: module with a function `load(directory, device)`. A new kind is one line.
GENERATORS = {
    "prior": "models.prior.generator",
}


def load(directory: str | Path, device: str = "cpu") -> Generator:
    """Read a generator from its folder, with its tokenizers, ready for inference.

    Raises:
        CheckpointError: the folder does not hold exactly such a model, or one of no known kind.
    """
    from models.training.checkpoint import read_kind
    from models.training.errors import CheckpointError

    kind = read_kind(Path(directory))
    if kind not in GENERATORS:
        raise CheckpointError(f"{directory} holds a generator of kind {kind!r}; known are {', '.join(GENERATORS)}")
    generator: Generator = import_module(GENERATORS[kind]).load(Path(directory), device)
    return generator
