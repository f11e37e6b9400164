"""How often a drawing is the right picture, by the prompts' group, beside chance and beside what a ranker adds."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from tasks.evaluate.evidence import Evidence, RankedSamples
from tasks.evaluate.quantities import SHARE, Baseline, Curve, Estimate, Line, Part, Question
from tasks.evaluate.statistics import any_of, best_of, expected_proportion, plain, proportion


class HitRate(Part):
    """Share of prompts whose drawing is the right picture."""

    best: Estimate = Field(title="best by score")
    first: Estimate = Field(title="first drawn")
    any: Estimate = Field(title="any of them")
    worst: Estimate = Field(title="worst by score")
    chance: Baseline = Field(
        title="by chance", description="A blind pick among all pictures: of those, the share with the prompt's caption."
    )
    gain_of_reranking: Estimate = Field(title="gain of ranking", description="Best by score against first drawn.")
    by_candidates: Curve | None = Field(
        title="More candidates, better pick",
        description="Expected share of right pictures when the ranker chooses among k of the candidates, over all "
        "choices of k; with 95% interval.",
    )


class Hits(Part):
    """A drawing counts as right when, of all training pictures, the one nearest to it in 16 by 16 pixels is the picture
    of its caption. The distance is measured in pixels, not by a model: the ranker does not judge its own choice.
    """

    question = Question.DRAWS

    seen: HitRate | None = Field(
        title="Right picture, captions from training",
        description="Share of prompts with 95% interval; the dashed line is chance.",
    )
    unseen: HitRate | None = Field(
        title="Right picture, captions never seen",
        description="The right picture is held out, so hits here are not memory.",
    )


def measure(evidence: Evidence) -> Hits | None:
    """None where no prompt has a right picture."""
    train, val = evidence.train, evidence.val
    seen = _rate(evidence, evidence.group("train"), train.images_per_prompt, train.images)
    unseen = None
    if val is not None:
        right = train.images_per_prompt + val.images_per_prompt
        unseen = _rate(evidence, evidence.group("val"), right, train.images + val.images)
    return Hits(seen=seen, unseen=unseen) if seen or unseen else None


def _rate(
    evidence: Evidence, prompts: Sequence[RankedSamples], images_per_prompt: Counter[str], images: int
) -> HitRate | None:
    prompts = [prompt for prompt in prompts if None not in prompt.hits]
    if not prompts:
        return None
    chance = plain(float(np.mean([images_per_prompt[prompt.best["prompt"]] / images for prompt in prompts])))
    gains = [100.0 * (prompt.best["is_hit"] - prompt.first["is_hit"]) for prompt in prompts]
    return HitRate(
        best=proportion([prompt.best["is_hit"] for prompt in prompts]),
        first=proportion([prompt.first["is_hit"] for prompt in prompts]),
        any=proportion([any(prompt.hits) for prompt in prompts]),
        worst=proportion([prompt.worst["is_hit"] for prompt in prompts]),
        chance=Baseline(value=chance, unit=SHARE),
        gain_of_reranking=evidence.mean(gains, "percentage points"),
        by_candidates=_by_candidates(evidence, prompts, chance),
    )


def _by_candidates(evidence: Evidence, prompts: Sequence[RankedSamples], chance: float) -> Curve | None:
    """What fewer candidates would have given; None where there are not two numbers of them to compare."""
    ks = evidence.choices(prompts)
    if len(ks) < 2:
        return None
    ranked = [expected_proportion([best_of(prompt.hits, k) for prompt in prompts]) for k in ks]
    perfect = [expected_proportion([any_of(prompt.hits, k) for prompt in prompts]) for k in ks]
    return Curve(
        x_name="candidates to choose from",
        lines=(Line.of("best by score", ks, ranked), Line.of("any of them: a perfect ranker", ks, perfect)),
        unit=SHARE,
        baselines={"chance": chance},
        log_x=True,
        from_zero=True,
        note=evidence.end_of_choices(prompts),
    )
