"""The first figures of the page, with targets and intervals, each under the question that it answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tasks.evaluate.compositions.metric import CompositionRate
from tasks.evaluate.hits import HitRate
from tasks.evaluate.quantities import Estimate, Question
from tasks.report import words
from tasks.report.config import Targets
from tasks.report.facts import RunFacts


@dataclass(frozen=True)
class Headline:
    """One figure. `met` is None where no target was set, `question` where it answers none: what the run took."""

    question: Question | None
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
        *_copies(facts),
        *_judge(facts),
        *_prompts(facts),
        *_cost(facts, targets),
    ]


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
                Question.DRAWS,
                f"Right composition, {' / '.join(rates)}, {label}",
                " / ".join(words.percent(rate.value) for rate in rates.values()),
                "95% intervals " + " / ".join(f"{words.interval(rate)}, {rate.n} prompts" for rate in rates.values()),
                "All parts of the caption, as read by a judge that had no part in training and ranking.",
                *goal,
            )


def _of_pick(rate: CompositionRate, pick: str) -> Estimate:
    return rate.first if pick == "first" else rate.best


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
        Question.DRAWS,
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
            Question.DRAWS,
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
            Question.DRAWS,
            "Codes in use",
            f"{words.count(used)} / {words.count(size)}",
            f"as rich as {words.count(codes.train.perplexity)} equally used codes",
            "Different codes that occur in the training pictures. An untrained tokenizer can use many, too: see the "
            "reconstruction.",
            *_at_least(used / size, targets.codes_share, lambda share: words.count(share * size)),
        )


def _copies(facts: RunFacts) -> Iterator[Headline]:
    """How often samples are as near to training pictures as copies are, held-out captions first."""
    copies = facts.evaluation and facts.evaluation.memorisation and facts.evaluation.memorisation.copies
    groups = {"held-out captions": copies.val, "training captions": copies.train} if copies else {}
    rates = {name: rate for name, rate in groups.items() if rate}
    if copies and rates:
        yield Headline(
            Question.NEW,
            f"As near to a training picture as copies, {' / '.join(rates)}",
            " / ".join(words.percent(rate.value) for rate in rates.values()),
            f"{words.percent(copies.false_positives.value)} of {copies.false_positives.n} pictures never seen are; "
            "95% intervals " + " / ".join(f"{words.interval(rate)}, {rate.n} prompts" for rate in rates.values()),
            "Nearer than the nearest 5% of half the held-out pictures; the other half tells how often that is a false "
            "alarm. For captions from training, copies are asked for.",
        )


def _judge(facts: RunFacts) -> Iterator[Headline]:
    composed = facts.evaluation and facts.evaluation.compositions
    if composed:
        judge = composed.judge
        accuracy, what = (judge.rebuilt, "rebuilt ") if judge.rebuilt else (judge.originals, "")
        yield Headline(
            Question.TRUST,
            "The judge reads right",
            words.percent(accuracy.value),
            f"95% interval {words.interval(accuracy)}, {accuracy.n} {what}held-out pictures",
            f"It calls {words.percent(judge.blobs.value)} of spoiled pictures right, and "
            f"{words.percent(judge.false_accepts.value)} of pictures that show something else.",
        )


def _prompts(facts: RunFacts) -> Iterator[Headline]:
    evaluation = facts.evaluation
    if evaluation:
        yield Headline(
            Question.TRUST,
            "Samples judged",
            words.count(evaluation.samples),
            "of one training with one seed",
            f"Up to {words.count(evaluation.candidates)} for each prompt. The intervals are over prompts: another "
            "training may differ by more.",
        )


def _cost(facts: RunFacts, targets: Targets) -> Iterator[Headline]:
    if not facts.stages:
        return
    longest = max(facts.stages.values(), key=lambda done: done.manifest.run.seconds)
    share = longest.manifest.run.seconds / max(facts.seconds, 1e-9)
    yield Headline(
        None,
        "Time",
        words.duration(facts.seconds),
        f"{words.percent(share)} of it by: {words.name_words(longest.artifact.stage)}",
        "All stages added up, from crawl to figures.",
        *_at_most(facts.seconds / 60, targets.minutes, lambda minutes: f"{minutes:g} min"),
    )
    largest = max(facts.stages.values(), key=lambda done: done.manifest.run.peak_memory_mb)
    yield Headline(
        None,
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
