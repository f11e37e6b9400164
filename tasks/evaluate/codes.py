"""How much of the code book the image tokenizer uses."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.quantities import Curve, Line, Part, Question
from tasks.evaluate.statistics import perplexity, plain


class Usage(Part):
    """How many codes occur, and how evenly."""

    used: int = Field(title="different codes used")
    total: int = Field(title="codes counted")
    perplexity: float = Field(title="as rich as so many equally used codes")


class Codes(Part):
    """How many of the image tokenizer's codes occur in pictures, and how evenly. A collapsed one uses a handful."""

    question = Question.DRAWS

    vocab_size: int = Field(title="codes in the vocabulary")
    train: Usage | None = Field(title="Training pictures")
    val: Usage | None = Field(title="Held-out pictures")
    uses: Curve | None = Field(
        title="Which codes are used",
        description="A flat line would be codes used evenly; a gap on the right is codes never used.",
    )


def measure(evidence: Evidence) -> Codes | None:
    """None without an image tokenizer, or where nothing was encoded."""
    size, counts = evidence.vocab_size, evidence.code_counts
    held_out = np.frombuffer(b"".join(row["codes"] for row in evidence.rebuilt), "<u2")
    if size is None or (counts is None and not len(held_out)):
        return None
    return Codes(
        vocab_size=size,
        train=None if counts is None else _usage(counts),
        val=_usage(np.bincount(held_out, minlength=size)) if len(held_out) else None,
        uses=None if counts is None or not counts.any() else _uses(counts),
    )


def _usage(counts: NDArray[np.int64]) -> Usage:
    return Usage(used=int((counts > 0).sum()), total=int(counts.sum()), perplexity=perplexity(counts))


def _uses(counts: NDArray[np.int64]) -> Curve:
    """Every code of the vocabulary, most used first."""
    uses = np.sort(counts)[::-1].tolist()
    return Curve(
        x_name="codes, most used first",
        lines=(Line(name="uses of a code", x=tuple(range(1, len(uses) + 1)), y=tuple(uses)),),
        baselines={"if all were used equally": plain(counts.sum() / len(counts))},
        log_y=True,
    )
