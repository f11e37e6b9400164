"""What was measured on what, and what it means, in plain words."""

from collections.abc import Iterator

from tasks.evaluate.compositions.metric import CompositionRate, Compositions
from tasks.evaluate.hits import HitRate
from tasks.report import words
from tasks.report.facts import RunFacts

FEW_IMAGES = 100_000  # below this, a model of millions of parameters can know its images by heart


def summary(facts: RunFacts) -> list[str]:
    """What was measured on what, and what it means, sentence by sentence."""
    if facts.other_training:
        return [facts.other_training]  # the other sentences are about what the models have seen
    composed = facts.evaluation and facts.evaluation.compositions
    if composed and composed.unseen:
        return [*_trained_on(facts), *_composes(composed, composed.unseen)]
    return [*_trained_on(facts), *_draws(facts), *_caution(facts)]


def _trained_on(facts: RunFacts) -> Iterator[str]:
    pack = facts.get("pack")
    if pack is None:
        return
    train, val = pack.count("train"), pack.count("val")
    side = f" at {facts.image_size} by {facts.image_size} pixels" if facts.image_size else ""
    kept_back = f"; {words.count(val)} more were kept back to test on" if val else "; none were kept back to test on"
    yield f"The models were trained on {words.count(train)} captioned pictures{side}{kept_back}."


def _composes(composed: Compositions, unseen: CompositionRate) -> Iterator[str]:
    """What is drawn of combinations never seen, and what that means: a copy of a training picture would be wrong."""
    first, chance = unseen.first, composed.judge.other_pictures.value
    known = f"; for captions from training it is {words.percent(composed.seen.first.value)}" if composed.seen else ""
    yield (
        f"Asked for a combination that no training picture shows, the first drawing is right in all parts "
        f"{words.percent(first.value)} of the time{known}. Some other picture would pass for right "
        f"{words.percent(chance)} of the time."
    )
    if first.low <= chance:
        yield "That is not shown to be better than such luck: this run does not show that the models combine parts."
    else:
        yield (
            f"{'Most' if first.value >= 0.5 else 'Some'} of these drawings are right where copying a training picture "
            "would be wrong: the models combine parts that they know in new ways."
        )


def _draws(facts: RunFacts) -> Iterator[str]:
    evaluation = facts.evaluation
    if evaluation is None or evaluation.hits is None:
        return
    if seen := evaluation.hits.seen:
        yield (
            f"Asked for a caption from training, the best of {evaluation.candidates} drawings is nearest to the right "
            f"picture {words.percent(seen.best.value)} of the time; a blind pick would be right "
            f"{words.percent(seen.chance.value)}."
        )
    if unseen := evaluation.hits.unseen:
        best, chance = words.percent(unseen.best.value), words.percent(unseen.chance.value)
        yield f"For captions the models have never seen it is {best}, where a blind pick has {chance}."


def _caution(facts: RunFacts) -> Iterator[str]:
    """What the figures can be taken to mean. Each sentence is chosen by the figures it stands beside."""
    evaluation = facts.evaluation
    if evaluation is None:
        return
    seen = evaluation.hits.seen if evaluation.hits else None
    unseen = evaluation.hits.unseen if evaluation.hits else None
    if seen and not _beats_chance(seen):
        yield (
            "That is not shown to be better than a blind pick: the models have not learned to draw. The page shows "
            "that every stage ran, and nothing about how well the models could do."
        )
        return
    if seen and seen.best.value >= 0.5:
        yield "The models redraw most of the pictures they were trained on."
    elif seen:
        yield "The models redraw some of the pictures they were trained on."
    if unseen and _beats_chance(unseen):
        yield "For captions they have never seen they do better than a blind pick."
    elif unseen:
        yield "For captions they have never seen they are not shown to do better than a blind pick."
    if 0 < evaluation.train_images < FEW_IMAGES:
        yield (
            f"{words.count(evaluation.train_images)} pictures are few enough to be learned by heart: the figures for "
            "training captions measure memory, not an understanding of language."
        )


def _beats_chance(rate: HitRate) -> bool:
    """Whether the whole 95 % interval lies above what a blind pick would have."""
    return rate.best.low > rate.chance.value
