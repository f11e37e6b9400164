"""How a second CLIP, which ranked nothing, scores the samples."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from tasks.evaluate.evidence import Evidence, RankedSamples
from tasks.evaluate.quantities import Curve, Estimate, Line, Part, Question
from tasks.evaluate.statistics import best_of

POINTS = "points"
GROUPS = {"train": "captions from training", "fixed": "fixed prompts", "val": "captions never seen"}


class ScoredGroup(Part):
    """Mean scores of one kind of prompts, by the second model."""

    best: Estimate = Field(title="best by the ranker")
    uncurated: Estimate = Field(title="any one drawn")
    gain: Estimate = Field(title="gain of ranking", description="Best by the ranker against any one drawn.")


class Scorer(Part):
    """Another CLIP than the ranker, with other weights, scores all samples: the cosine of image and caption times 100,
    higher is better. The ranker chose; this one did not, so a gain here is no flattery of the ranker by itself.
    """

    question = Question.DRAWS

    model: str = Field(title="the second model")
    train: ScoredGroup | None = Field(title="Captions from training")
    fixed: ScoredGroup | None = Field(title="Fixed prompts")
    val: ScoredGroup | None = Field(title="Captions never seen")
    by_candidates: Curve | None = Field(
        title="More candidates, better score",
        description="Expected score by the second model when the ranker chooses among k of the candidates, over all "
        "choices of k; with 95% interval.",
    )


def measure(evidence: Evidence) -> Scorer | None:
    """None without a second model, or where nothing was drawn."""
    if evidence.scorer is None or not evidence.prompts:
        return None
    groups = {name: prompts for name in (*GROUPS, *evidence.suites) if (prompts := evidence.group(name))}
    return Scorer(
        model=evidence.scorer,
        by_candidates=_by_candidates(evidence, groups),
        **{name: _group(evidence, groups[name]) if name in groups else None for name in GROUPS},
    )


def _scores(prompt: RankedSamples) -> list[float]:
    return [100.0 * row["scorer_score"] for row in prompt.rows]


def _group(evidence: Evidence, prompts: Sequence[RankedSamples]) -> ScoredGroup:
    scores = [_scores(prompt) for prompt in prompts]
    return ScoredGroup(
        best=evidence.mean([each[0] for each in scores], POINTS),
        uncurated=evidence.mean([float(np.mean(each)) for each in scores], POINTS),
        gain=evidence.mean([each[0] - float(np.mean(each)) for each in scores], "points more"),
    )


def _by_candidates(evidence: Evidence, groups: dict[str, list[RankedSamples]]) -> Curve | None:
    """What fewer candidates would have given; None where there are not two numbers of them to compare."""
    ks = evidence.choices(evidence.prompts)
    if len(ks) < 2:
        return None
    lines = []
    for name, prompts in groups.items():
        scores = [_scores(prompt) for prompt in prompts]
        points = [evidence.mean([best_of(each, k) for each in scores], POINTS) for k in ks]
        lines.append(Line.of(GROUPS.get(name, name), ks, points))
    return Curve(
        x_name="candidates to choose from",
        lines=tuple(lines),
        log_x=True,
        note=evidence.end_of_choices(evidence.prompts),
    )
