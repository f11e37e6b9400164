"""How far drawings for held-out captions are from the true images, beside what needs no model."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from tasks.evaluate.evidence import Evidence, RankedSamples
from tasks.evaluate.nearest import distance, grey_levels
from tasks.evaluate.quantities import GREY_LEVELS, Curve, Estimate, Line, Part, Question
from tasks.evaluate.scan import Scan
from tasks.evaluate.statistics import best_of


class TrueDistance(Part):
    """For captions never seen. In grey levels at 16 by 16 pixels, lower is better. Search by words returns the training
    picture with the most similar caption: no model at all.
    """

    question = Question.DRAWS

    best: Estimate = Field(title="best by score")
    first: Estimate = Field(title="first drawn")
    word_search: Estimate | None = Field(title="search by words")
    other_images: Estimate | None = Field(title="a random picture")
    by_candidates: Curve | None = Field(
        title="More candidates, nearer pick",
        description="Expected distance when the ranker chooses among k of the candidates, over all choices of k; with "
        "95% interval.",
    )


def measure(evidence: Evidence) -> TrueDistance | None:
    """None where no prompt has a true image among the held-out ones."""
    val = evidence.val
    prompts = [prompt for prompt in evidence.group("val") if prompt.best["true_mse"] is not None]
    if val is None or not prompts:
        return None
    known = [prompt for prompt in prompts if prompt.best["pair_id"] in val.prompted]
    searched, others = _word_search(known, evidence.train, val), _other_images(known, val)
    return TrueDistance(
        best=_typical(evidence, [prompt.best["true_mse"] for prompt in prompts]),
        first=_typical(evidence, [prompt.first["true_mse"] for prompt in prompts]),
        word_search=_typical(evidence, searched) if searched else None,
        other_images=_typical(evidence, others) if others else None,
        by_candidates=_by_candidates(evidence, prompts),
    )


def _typical(evidence: Evidence, mse: Sequence[float]) -> Estimate:
    """The root of the mean squared error, and of its interval, in grey levels."""
    mean = evidence.mean(mse)
    value, low, high = (grey_levels(max(each, 0.0)) for each in (mean.value, mean.low, mean.high))
    return Estimate(value=value, low=low, high=high, n=mean.n, unit=GREY_LEVELS)


def _by_candidates(evidence: Evidence, prompts: Sequence[RankedSamples]) -> Curve | None:
    """What fewer candidates would have given; None where there are not two numbers of them to compare."""
    ks = evidence.choices(prompts)
    if len(ks) < 2:
        return None
    mse = [[row["true_mse"] for row in prompt.rows] for prompt in prompts]
    ranked = [_typical(evidence, [best_of(each, k) for each in mse]) for k in ks]
    perfect = [_typical(evidence, [best_of(sorted(each), k) for each in mse]) for k in ks]
    return Curve(
        x_name="candidates to choose from",
        lines=(Line.of("best by score", ks, ranked), Line.of("nearest of them: a perfect ranker", ks, perfect)),
        unit=GREY_LEVELS,
        log_x=True,
        note=evidence.end_of_choices(prompts),
    )


def _word_search(prompts: Sequence[RankedSamples], train: Scan, val: Scan) -> list[float]:
    """Distance from the true image to the training image whose caption is most alike."""
    return [
        distance(train.found_by_words[prompt.best["prompt"]].thumbnail, val.prompted[prompt.best["pair_id"]])
        for prompt in prompts
    ]


def _other_images(prompts: Sequence[RankedSamples], val: Scan) -> list[float]:
    """Mean distance from each true image to those of the other held-out prompts: what a random guess would have."""
    true = [val.prompted[prompt.best["pair_id"]] for prompt in prompts]
    if len(true) < 2:
        return []
    return [float(np.mean([distance(a, b) for j, b in enumerate(true) if i != j])) for i, a in enumerate(true)]
