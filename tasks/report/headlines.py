"""The first thing on the page: a few figures with targets and intervals, and what they mean in plain words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tasks.evaluate.compositions.metric import CompositionRate, Compositions
from tasks.evaluate.hits import HitRate
from tasks.evaluate.quantities import Estimate
from tasks.report import words
from tasks.report.config import Targets
from tasks.report.facts import RunFacts

FEW_IMAGES = 100_000  # below this, a model of millions of parameters can know its images by heart


@dataclass(frozen=True)
class Headline:
    """One figure. `met` is None where no target was set."""

    label: str
    value: str
    beside: str
    explanation: str
    target: str = ""
    met: bool | None = None


def headlines(facts: RunFacts, targets: Targets) -> list[Headline]:
    return [
        *_compositions(facts, targets),
        *_hit_rate(facts, targets),
        *_reconstruction(facts, targets),
        *_codes(facts, targets),
        *_cost(facts, targets),
    ]


def summary(facts: RunFacts) -> list[str]:
    """What was measured on what, and what it means, sentence by sentence."""
    if facts.other_training:
        return [facts.other_training]  # the other sentences are about what the models have seen
    composed = facts.evaluation and facts.evaluation.compositions
    if composed and composed.unseen:
        return [*_trained_on(facts), *_composes(composed, composed.unseen)]
    return [*_trained_on(facts), *_draws(facts), *_caution(facts)]


def _compositions(facts: RunFacts, targets: Targets) -> Iterator[Headline]:
    """Seen and unseen always side by side, with the judge's own accuracy."""
    evaluation = facts.evaluation
    if evaluation is None or evaluation.compositions is None:
        return
    composed = evaluation.compositions
    never = "held out here" if facts.other_training else "unseen"
    goals = {"first": targets.composed_first, "best": targets.composed_best}
    for pick, label in (("first", "first drawn"), ("best", f"best of {evaluation.candidates}")):
        named = (("seen", composed.seen), (never, composed.unseen))
        rates = {name: _of_pick(rate, pick) for name, rate in named if rate}
        if rates:
            unseen = rates.get(never)
            goal = _at_least(unseen.value, goals[pick], words.percent) if unseen else ("", None)
            yield Headline(
                f"Right composition, {' / '.join(rates)}, {label}",
                " / ".join(words.percent(rate.value) for rate in rates.values()),
                "95% intervals " + " / ".join(f"{words.interval(rate)}, {rate.n} prompts" for rate in rates.values()),
                f"All parts of the caption. {_believed(composed)}",
                *goal,
            )


def _of_pick(rate: CompositionRate, pick: str) -> Estimate:
    return rate.first if pick == "first" else rate.best


def _believed(composed: Compositions) -> str:
    """How far the judge is right."""
    accuracy, judge = composed.judge, "The judge reads"
    if accuracy.rebuilt:
        judge += f" {words.percent(accuracy.rebuilt.value)} of rebuilt held-out pictures right and"
    return f"{judge} {words.percent(accuracy.originals.value)} of held-out ones{'' if accuracy.rebuilt else ' right'}."


def _hit_rate(facts: RunFacts, targets: Targets) -> Iterator[Headline]:
    evaluation = facts.evaluation
    if evaluation is None or evaluation.hits is None:
        return
    best_of = f"best of {evaluation.candidates}"
    seen, unseen = evaluation.hits.seen, evaluation.hits.unseen
    # What models of another training have seen is not known, so it is not said.
    never = "captions held out here" if facts.other_training else "captions never seen"
    if seen:
        target = _at_least(seen.best.value, targets.hit_rate, words.percent)
        yield _share_of_prompts(f"Right picture, training captions, {best_of}", seen, *target)
    if unseen:
        yield _share_of_prompts(f"Right picture, {never}, {best_of}", unseen)


def _share_of_prompts(label: str, rate: HitRate, target: str = "", met: bool | None = None) -> Headline:
    return Headline(
        label,
        words.percent(rate.best.value),
        f"95% interval {words.interval(rate.best)}, {rate.best.n} prompts",
        f"First one drawn, without ranking: {words.percent(rate.first.value)}. "
        f"By chance: {words.percent(rate.chance.value)}.",
        target,
        met,
    )


def _reconstruction(facts: RunFacts, targets: Targets) -> Iterator[Headline]:
    rebuilt = facts.evaluation and facts.evaluation.reconstruction
    if rebuilt:
        psnr = rebuilt.psnr_db
        yield Headline(
            "Held-out reconstruction",
            f"{psnr.value:.1f} dB",
            f"95% interval {psnr.low:.1f}\N{EN DASH}{psnr.high:.1f}, {psnr.n} images",
            "PSNR of images rebuilt from their tokens alone; higher is better.",
            *_at_least(psnr.value, targets.psnr_db, lambda value: f"{value:g} dB"),
        )


def _codes(facts: RunFacts, targets: Targets) -> Iterator[Headline]:
    codes = facts.evaluation and facts.evaluation.codes
    if codes and codes.train:
        used, size = codes.train.used, codes.vocab_size
        yield Headline(
            "Codes in use",
            f"{words.count(used)} / {words.count(size)}",
            f"as rich as {words.count(codes.train.perplexity)} equally used codes",
            "Different codes that occur in the training pictures. An untrained tokenizer can use many, too: see the "
            "reconstruction.",
            *_at_least(used / size, targets.codes_share, lambda share: words.count(share * size)),
        )


def _cost(facts: RunFacts, targets: Targets) -> Iterator[Headline]:
    if not facts.stages:
        return
    longest = max(facts.stages.values(), key=lambda done: done.manifest.run.seconds)
    share = longest.manifest.run.seconds / max(facts.seconds, 1e-9)
    yield Headline(
        "Time",
        words.duration(facts.seconds),
        f"{words.percent(share)} of it by: {words.name_words(longest.artifact.stage)}",
        "All stages added up, from crawl to figures.",
        *_at_most(facts.seconds / 60, targets.minutes, lambda minutes: f"{minutes:g} min"),
    )
    largest = max(facts.stages.values(), key=lambda done: done.manifest.run.peak_memory_mb)
    yield Headline(
        "Peak memory",
        words.memory(facts.peak_memory_mb),
        f"reached by: {words.name_words(largest.artifact.stage)}",
        "Main process, workers and trainers together.",
        *_at_most(facts.peak_memory_mb / 1024, targets.memory_gb, lambda gigabytes: f"{gigabytes:g} GB"),
    )


def _at_least(value: float, goal: float | None, write: Callable[[float], str]) -> tuple[str, bool | None]:
    return ("", None) if goal is None else (f"≥ {write(goal)}", value >= goal)


def _at_most(value: float, goal: float | None, write: Callable[[float], str]) -> tuple[str, bool | None]:
    return ("", None) if goal is None else (f"≤ {write(goal)}", value <= goal)


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
