"""How the ranker scores the samples."""

from math import isfinite

import numpy as np
from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.quantities import Histogram, Part, Question

BINS = 30


class Scores(Part):
    """Choosing the best of each prompt moves the whole distribution to the right."""

    question = Question.DRAWS

    scores: Histogram = Field(title="All samples beside the chosen")


def measure(evidence: Evidence) -> Scores | None:
    """None where no sample has a score that is a number."""
    scored = [row for row in evidence.judged if isfinite(row["score"])]
    if not scored:
        return None
    lowest, highest = min(row["score"] for row in scored), max(row["score"] for row in scored)
    edges = np.linspace(lowest, max(highest, lowest + 1e-6), BINS + 1)
    chosen = {"all samples": scored, "best of each prompt": [row for row in scored if row["rank"] == 0]}
    return Scores(
        scores=Histogram(
            x_name="score, higher is better",
            edges=tuple(edges.tolist()),
            counts={
                name: tuple(np.histogram([row["score"] for row in rows], edges)[0].tolist())
                for name, rows in chosen.items()
            },
        )
    )
