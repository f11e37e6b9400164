"""How the drawings for the prompts of suites fit them, by category and by challenge."""

from collections import defaultdict
from collections.abc import Sequence
from math import isfinite

import numpy as np
from pydantic import Field

from tasks.evaluate.evidence import Evidence, RankedSamples
from tasks.evaluate.quantities import Estimate, Part, Question
from tasks.evaluate.scorer import POINTS
from tasks.evaluate.statistics import expected_proportion

MIN_PROMPTS = 5  # of a category, for its mean to be told
SHOWN = 40  # categories, the lowest: CUB has 200
RANKER = "the ranker"


class SuiteScores(Part):
    """Over all drawings of a prompt, none of them chosen."""

    prompts: int = Field(title="prompts")
    drawn: Estimate | None = Field(title="any one drawn", description="Mean over all drawings of a prompt.")
    best: Estimate | None = Field(title="best by the ranker")
    right: Estimate | None = Field(
        title="right composition",
        description="Share of right drawings, of the prompts of which the judge of compositions can tell.",
    )
    by_category: dict[str, Estimate] = Field(
        title="By category",
        description=f"Any one drawn, of categories of {MIN_PROMPTS} prompts or more; the lowest {SHOWN}.",
    )
    by_challenge: dict[str, Estimate] = Field(title="By challenge", description="The same by what a prompt tests.")


class Suites(Part):
    """Prompts from files that were named. The score is the cosine of image and caption by CLIP times 100, higher is
    better: how well a drawing fits in the eyes of that model, which is not how a person would judge it. Where the
    ranker itself scores, its best is flattered.
    """

    question = Question.DRAWS

    scored_by: str = Field(title="scored by")
    suites: dict[str, SuiteScores] = Field(title="Suites")


def measure(evidence: Evidence) -> Suites | None:
    """By the second model if there is one; None without suites."""
    names = evidence.suites
    if not names:
        return None
    return Suites(
        scored_by=evidence.scorer or RANKER, suites={name: _suite(evidence, evidence.group(name)) for name in names}
    )


def _suite(evidence: Evidence, prompts: Sequence[RankedSamples]) -> SuiteScores:
    column = "scorer_score" if evidence.scorer else "score"
    scored = [(prompt, scores) for prompt in prompts if (scores := _scores(prompt, column))]
    means = [float(np.mean(scores)) for _, scores in scored]
    right = [float(np.mean(told)) for prompt in prompts if (told := prompt.right)]
    return SuiteScores(
        prompts=len(prompts),
        drawn=evidence.mean(means, POINTS) if scored else None,
        best=evidence.mean([scores[0] for _, scores in scored], POINTS) if scored else None,
        right=expected_proportion(right) if right else None,
        by_category=_by(evidence, [prompt.best["category"] for prompt, _ in scored], means),
        by_challenge=_by(evidence, [prompt.best["challenge"] for prompt, _ in scored], means),
    )


def _scores(prompt: RankedSamples, column: str) -> list[float]:
    """In points, best first; empty where one is no number."""
    scores = [100.0 * row[column] for row in prompt.rows]
    return scores if all(map(isfinite, scores)) else []


def _by(evidence: Evidence, names: Sequence[str | None], means: Sequence[float]) -> dict[str, Estimate]:
    """The mean of each name that enough prompts have, the lowest first."""
    own: dict[str, list[float]] = defaultdict(list)
    for name, mean in zip(names, means, strict=True):
        if name is not None:
            own[name].append(mean)
    told = {name: evidence.mean(values, POINTS) for name, values in own.items() if len(values) >= MIN_PROMPTS}
    return dict(sorted(told.items(), key=lambda item: (item[1].value, item[0]))[:SHOWN])
