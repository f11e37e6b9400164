"""Generators, which draw images for prompts: their interface, and how a trained one is loaded. Imports no torch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.config import Frozen
from models.inspection import PositionLosses, TextAttention


class Sampling(Frozen):
    """How symbols are drawn from a predicted distribution. The paper draws at temperature 1 from all codes (2.6)."""

    temperature: float = Field(1.0, ge=0, description="Divides the logits; 0 takes the likeliest code every time.")
    top_k: int | None = Field(None, ge=1, description="Draw from the k likeliest codes only; all when unset.")
    top_p: float | None = Field(
        None, gt=0, le=1, description="Draw from the fewest likeliest codes that reach this probability."
    )
    guidance: float | None = Field(
        None,
        ge=0,
        description="Not in the paper: classifier-free guidance, l0 + guidance (l - l0) with logits l0 of an empty "
        "caption. It takes twice the work, and a prior that was trained on empty captions too.",
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="That of the weights and kept keys while drawing; fp32 on a CPU without bfloat16."
    )


@dataclass(frozen=True)
class ImagePrompt:
    """A picture of which a part is kept: a rectangle of it that ends at the bottom-right corner is drawn anew.

    The paper keeps the upper half, 15 rows of 32 codes, to draw "the exact same cat on the top as a sketch on the
    bottom" (2.6, figure 2d).

    Attributes:
        image: uint8 RGB [S, S, 3] of any size.
        keep_rows: share of the height that is kept, from the top.
        keep_columns: share of the width that is kept, from the left, in the rows below.
    """

    image: NDArray[np.uint8]
    keep_rows: float = 15 / 32
    keep_columns: float = 0.0


@dataclass(frozen=True)
class Candidates:
    """Consecutive candidates of one prompt, in the order in which they become ready.

    Attributes:
        prompt: which of the prompts.
        first: number of the first of them among the candidates of this prompt.
        images: uint8 RGB [K, H, W, 3].
        codes: uint16 [K, h*w] of a generator that draws codes, else None.
    """

    prompt: int
    first: int
    images: NDArray[np.uint8]
    codes: NDArray[np.uint16] | None


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
    def draw_batches(
        self,
        prompts: Sequence[str],
        n: int,
        seed: int = 0,
        sampling: Sampling | None = None,
        image: ImagePrompt | None = None,
        on_progress: Callable[[float], None] = lambda share: None,
        first: int = 0,
    ) -> Iterator[Candidates]:
        """Draw n candidates for each prompt, and give them as they become ready: prompt by prompt, in order.

        Candidate i of a prompt depends on (seed, prompt, image, i) alone, up to rounding: not on n and not on the
        other prompts.

        Args:
            n: candidates for each prompt.
            sampling: for generators that draw symbol by symbol; others ignore it. Defaults of `Sampling` when None.
            image: a picture of which a part is kept, in all candidates.
            on_progress: called often with the share of all work that is done; an error that it raises ends the drawing.
            first: so many candidates of the first prompt are drawn before the others, to have something to show soon.

        Raises:
            ValueError: nothing of `image` would be drawn anew, or its picture is not square.
        """

    def draw(
        self,
        prompts: Sequence[str],
        n: int,
        seed: int = 0,
        sampling: Sampling | None = None,
        image: ImagePrompt | None = None,
    ) -> Drawing:
        """All of `draw_batches` at once; at least one prompt and one candidate."""
        batches = list(self.draw_batches(prompts, n, seed, sampling, image))
        images = np.concatenate([batch.images for batch in batches])
        codes = [batch.codes for batch in batches if batch.codes is not None]
        shape = (len(prompts), n)
        return Drawing(
            images.reshape(*shape, *images.shape[1:]), np.concatenate(codes).reshape(*shape, -1) if codes else None
        )

    def unread(self, prompt: str) -> str:
        """The end of a prompt that is too long for the generator to read; empty if it reads all of it."""
        return ""

    def unknown(self, prompt: str) -> str:
        """The letters of a prompt that the generator's training hardly had, each once; empty if it cannot tell."""
        return ""

    def position_losses(self, captions: Sequence[str], codes: NDArray[np.uint16]) -> PositionLosses | None:
        """The loss at each position of pairs whose codes, [B, h*w], are known; None if it predicts no codes."""
        return None

    def text_attention(self, caption: str, codes: NDArray[np.uint16]) -> TextAttention | None:
        """Where the image positions of a pair, codes [h*w], look in its caption; None if there are no such weights."""
        return None


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
