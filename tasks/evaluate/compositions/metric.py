"""How often a drawing shows what its caption says, part by part, as read by a judge that neither drew nor ranked it."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from tasks.compositions.scene import SKILLS, Skill
from tasks.evaluate.compositions.trial import Found, JudgeTrial, Reading
from tasks.evaluate.evidence import Evidence, RankedSamples
from tasks.evaluate.quantities import SHARE, Baseline, Curve, Estimate, Line, Part, Question
from tasks.evaluate.statistics import any_of, best_of, expected_proportion, plain, proportion


class CompositionRate(Part):
    """Share of prompts whose drawing is right in all that the caption says, with 95% interval."""

    first: Estimate = Field(title="first drawn", description="Uncurated.")
    every: Estimate = Field(title="all drawn", description="Uncurated, mean over all drawings.")
    best: Estimate = Field(title="best by score")
    any: Estimate = Field(title="any of them")
    worst: Estimate = Field(title="worst by score")
    word_search: Estimate | None = Field(
        title="search by words",
        description="The training picture with the most similar caption: no model at all. It is never right in all "
        "parts for captions never seen, as no training picture is: for these see what it has right, skill by skill.",
    )
    ranker_search: Estimate | None = Field(
        title="search by the ranker",
        description="The training picture that the ranker scores highest: nothing is drawn. The same holds for it.",
    )
    by_candidates: Curve | None = Field(
        title="More candidates, better pick",
        description="Expected share of right drawings when the ranker chooses among k of the candidates, over all "
        "choices of k; with 95% interval.",
    )


class SkillRates(Part):
    """Uncurated, mean over all drawings of the prompts that test a skill (after GenEval, Ghosh et al. 2023)."""

    thing: Estimate | None = Field(None, title="thing")
    two_things: Estimate | None = Field(None, title="two things")
    relation: Estimate | None = Field(None, title="relation", description="Both things, and how they lie.")
    count: Estimate | None = Field(None, title="count")
    size: Estimate | None = Field(None, title="size")
    colour: Estimate | None = Field(None, title="colour")
    pattern: Estimate | None = Field(None, title="pattern")


class JudgeAccuracy(Part):
    """How often the judge reads all parts of held-out pictures right, which it was not fitted to. It is fitted to
    training pictures and their captions alone, and to half of the pictures of things that are never trained on.
    """

    originals: Estimate = Field(title="held-out pictures")
    rebuilt: Estimate | None = Field(
        title="held-out pictures, rebuilt from their codes", description="No drawing can be clearer than these."
    )
    other_pictures: Baseline = Field(
        title="right by chance", description="Another held-out picture, read by the judge, agrees with a caption."
    )
    false_accepts: Baseline = Field(
        title="wrong, but called right", description="Of other held-out pictures that do not show what a caption says."
    )
    blobs: Estimate = Field(
        title="blobs called right", description="Of held-out pictures blurred, or mixed with another one."
    )


class Compositions(Part):
    """A judge reads things, places, count, size, colour and pattern from each drawing. It had no part in training and
    in ranking. A drawing is right if all that its caption says is read from it.
    """

    question = Question.DRAWS

    seen: CompositionRate | None = Field(title="Right composition, captions from training")
    unseen: CompositionRate | None = Field(
        title="Right composition, captions never seen",
        description="Each part was seen in training, this combination of parts was not.",
    )
    new_things: CompositionRate | None = Field(
        title="Right composition, things never seen", description="No training picture shows the thing: the limit."
    )
    left_out: int = Field(
        title="held-out captions left out", description="A training picture shows all they say: not unseen."
    )
    skills_seen: SkillRates | None = Field(title="Skill by skill, captions from training")
    skills_unseen: SkillRates | None = Field(title="Skill by skill, captions never seen")
    skills_word_search: SkillRates | None = Field(
        title="Skill by skill, captions never seen, search by words",
        description="What the training picture with the most similar caption has right: the drawings have to beat it.",
    )
    skills_ranker_search: SkillRates | None = Field(
        title="Skill by skill, captions never seen, search by the ranker",
        description="What the training picture that the ranker scores highest has right.",
    )
    judge: JudgeAccuracy = Field(title="The judge")
    judge_skills: SkillRates | None = Field(
        title="The judge, skill by skill",
        description="Share of held-out pictures, rebuilt from their codes where there are any, that are read right.",
    )


def measure(evidence: Evidence) -> Compositions | None:
    """None where the corpus shows no compositions, or none was held out to try the judge on."""
    trial = evidence.compositions
    if trial is None or not trial.originals:
        return None
    seen, held_out = (
        [prompt for prompt in evidence.group(group) if prompt.best["wrong"] is not None] for group in ("train", "val")
    )
    new = [prompt for prompt in held_out if prompt.best["prompt"] in trial.new_prompts]
    known = [prompt for prompt in held_out if prompt.best["prompt"] in trial.known_prompts]
    unseen = [prompt for prompt in held_out if prompt not in new and prompt not in known]
    return Compositions(
        seen=_rate(evidence, seen, trial),
        unseen=_rate(evidence, unseen, trial),
        new_things=_rate(evidence, new, trial),
        left_out=len(known),
        skills_seen=_skills_of(seen),
        skills_unseen=_skills_of(unseen),
        skills_word_search=_skills_found(unseen, trial.found_by_words),
        skills_ranker_search=_skills_found(unseen, trial.found_by_ranker),
        judge=_accuracy(trial),
        judge_skills=_skills_read(trial.rebuilt or trial.originals),
    )


def _rate(evidence: Evidence, prompts: Sequence[RankedSamples], trial: JudgeTrial) -> CompositionRate | None:
    if not prompts:
        return None
    right = [[not row["wrong"] for row in prompt.rows] for prompt in prompts]
    return CompositionRate(
        first=proportion([not prompt.first["wrong"] for prompt in prompts]),
        every=expected_proportion([float(np.mean(each)) for each in right]),
        best=proportion([each[0] for each in right]),
        any=proportion([any(each) for each in right]),
        worst=proportion([each[-1] for each in right]),
        word_search=_found(prompts, trial.found_by_words),
        ranker_search=_found(prompts, trial.found_by_ranker),
        by_candidates=_by_candidates(evidence, prompts, right),
    )


def _by_candidates(
    evidence: Evidence, prompts: Sequence[RankedSamples], right: Sequence[Sequence[bool]]
) -> Curve | None:
    """What fewer candidates would have given; None where there are not two numbers of them to compare."""
    ks = evidence.choices(prompts)
    if len(ks) < 2:
        return None
    ranked = [expected_proportion([best_of(each, k) for each in right]) for k in ks]
    perfect = [expected_proportion([any_of(each, k) for each in right]) for k in ks]
    return Curve(
        x_name="candidates to choose from",
        lines=(Line.of("best by score", ks, ranked), Line.of("any of them: a perfect ranker", ks, perfect)),
        unit=SHARE,
        log_x=True,
        from_zero=True,
        note=evidence.end_of_choices(prompts),
    )


def _skills_of(prompts: Sequence[RankedSamples]) -> SkillRates | None:
    return _skills({
        skill: [
            float(np.mean([skill not in row["wrong"] for row in prompt.rows]))
            for prompt in prompts
            if skill in prompt.best["asked"]
        ]
        for skill in SKILLS
    })  # fmt: skip


def _found(prompts: Sequence[RankedSamples], found: Found) -> Estimate | None:
    """How often the picture found for a prompt is right in all parts; None where none was searched for."""
    compared = _of_prompts(prompts, found)
    return proportion([all(each.values()) for each in compared]) if compared else None


def _skills_found(prompts: Sequence[RankedSamples], found: Found) -> SkillRates | None:
    return _skills_right(_of_prompts(prompts, found))


def _of_prompts(prompts: Sequence[RankedSamples], found: Found) -> list[Mapping[Skill, bool]]:
    return [found[name] for prompt in prompts if (name := prompt.best["prompt"]) in found]


def _skills_read(readings: Sequence[Reading]) -> SkillRates | None:
    return _skills_right([reading.true.compared(reading.shown) for reading in readings])


def _skills_right(compared: Sequence[Mapping[Skill, bool]]) -> SkillRates | None:
    return _skills({skill: [float(each[skill]) for each in compared if skill in each] for skill in SKILLS})


def _skills(shares: dict[Skill, list[float]]) -> SkillRates | None:
    found = {skill.replace(" ", "_"): expected_proportion(each) for skill, each in shares.items() if each}
    return SkillRates(**found) if found else None


def _accuracy(trial: JudgeTrial) -> JudgeAccuracy:
    readings = trial.rebuilt or trial.originals
    called_right, are_wrong = _others(readings)
    wrong_but_right = called_right & are_wrong
    pairs = max(len(readings) * (len(readings) - 1), 1)
    return JudgeAccuracy(
        originals=proportion([reading.is_right for reading in trial.originals]),
        rebuilt=proportion([reading.is_right for reading in trial.rebuilt]) if trial.rebuilt else None,
        other_pictures=Baseline(value=plain(called_right.sum() / pairs), unit=SHARE),
        false_accepts=Baseline(value=plain(wrong_but_right.sum() / max(are_wrong.sum(), 1)), unit=SHARE),
        blobs=proportion(trial.blobs),
    )


def _others(readings: Sequence[Reading]) -> tuple[np.ndarray, np.ndarray]:
    """For each picture's caption and each other picture: whether it is called right, and whether it is wrong."""
    called = np.array([[one.true.agrees(other.shown) for other in readings] for one in readings])
    wrong = np.array([[not one.true.agrees(other.true) for other in readings] for one in readings])
    others = ~np.eye(len(readings), dtype=bool)
    return called & others, wrong & others
