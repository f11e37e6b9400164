"""The first thing on the page: a few figures with targets and intervals, and what they mean in plain words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tasks.report import words
from tasks.report.facts import RunFacts

FEW_IMAGES = 100_000  # below this, a model of millions of parameters can know its images by heart


class Goals(Protocol):
    """What the page compares figures with."""

    @property
    def hit_rate(self) -> float | None: ...
    @property
    def psnr_db(self) -> float | None: ...
    @property
    def codes_share(self) -> float | None: ...
    @property
    def minutes(self) -> float | None: ...
    @property
    def memory_gb(self) -> float | None: ...


@dataclass(frozen=True)
class Headline:
    """One figure. `met` is None where no target was set."""

    label: str
    value: str
    beside: str
    explanation: str
    target: str = ""
    met: bool | None = None


def headlines(facts: RunFacts, goals: Goals) -> list[Headline]:
    return [*_hit_rate(facts, goals), *_reconstruction(facts, goals), *_codes(facts, goals), *_cost(facts, goals)]


def summary(facts: RunFacts) -> list[str]:
    """An honest paragraph, sentence by sentence."""
    return [*_trained_on(facts), *_draws(facts), *_caution(facts)]


def _hit_rate(facts: RunFacts, goals: Goals) -> Iterator[Headline]:
    figures = facts.evaluation.get("train_prompts") or {}
    if not figures:
        return
    best, first = figures["hit_rate"]["best"], figures["hit_rate"]["first"]
    yield Headline(
        f"Right picture, best of {facts.evaluation['candidates']}",
        words.percent(best["value"]),
        f"95% interval {words.percent_range(best)}, {best['n']} prompts",
        f"First one drawn, without ranking: {words.percent(first['value'])}. "
        f"By chance: {words.percent(figures['chance'])}.",
        *_at_least(best["value"], goals.hit_rate, words.percent),
    )


def _reconstruction(facts: RunFacts, goals: Goals) -> Iterator[Headline]:
    psnr = (facts.evaluation.get("reconstruction") or {}).get("psnr_db")
    if psnr:
        yield Headline(
            "Held-out reconstruction",
            f"{psnr['value']:.1f} dB",
            f"95% interval {words.number_range(psnr)}, {psnr['n']} images",
            "PSNR of images rebuilt from their tokens alone; higher is better.",
            *_at_least(psnr["value"], goals.psnr_db, lambda value: f"{value:g} dB"),
        )


def _codes(facts: RunFacts, goals: Goals) -> Iterator[Headline]:
    codes = facts.evaluation.get("codes") or {}
    if codes:
        used, size = codes["train"]["used"], codes["vocab_size"]
        yield Headline(
            "Codes in use",
            f"{words.count(used)} / {words.count(size)}",
            f"as rich as {words.count(codes['train']['perplexity'])} equally used codes",
            "The picture alphabet. A collapsed one has a handful of codes.",
            *_at_least(used / size, goals.codes_share, lambda share: words.count(share * size)),
        )


def _cost(facts: RunFacts, goals: Goals) -> Iterator[Headline]:
    if not facts.stages:
        return
    longest = max(facts.stages.values(), key=lambda done: done.manifest.run.seconds)
    share = longest.manifest.run.seconds / max(facts.seconds, 1e-9)
    yield Headline(
        "Time",
        words.duration(facts.seconds),
        f"{words.percent(share)} of it by: {words.stage_words(longest.artifact.stage).lower()}",
        "All stages added up, from crawl to figures.",
        *_at_most(facts.seconds / 60, goals.minutes, lambda minutes: f"{minutes:g} min"),
    )
    largest = max(facts.stages.values(), key=lambda done: done.manifest.run.peak_memory_mb)
    yield Headline(
        "Peak memory",
        words.memory(facts.peak_memory_mb),
        f"reached by: {words.stage_words(largest.artifact.stage).lower()}",
        "Main process, workers and trainers together.",
        *_at_most(facts.peak_memory_mb / 1024, goals.memory_gb, lambda gigabytes: f"{gigabytes:g} GB"),
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


def _draws(facts: RunFacts) -> Iterator[str]:
    known, new = facts.evaluation.get("train_prompts") or {}, facts.evaluation.get("val_prompts") or {}
    if known:
        best, n = known["hit_rate"]["best"], facts.evaluation["candidates"]
        yield (
            f"Asked for a caption from training, the best of {n} drawings is nearest to the right picture "
            f"{words.percent(best['value'])} of the time; a blind pick would be right {words.percent(known['chance'])}."
        )
    if new:
        best, chance = words.percent(new["hit_rate"]["best"]["value"]), words.percent(new["chance"])
        yield f"For captions the models have never seen it is {best}, where a blind pick has {chance}."


def _caution(facts: RunFacts) -> Iterator[str]:
    train = (facts.evaluation.get("corpus") or {}).get("train", 0)
    if 0 < train < FEW_IMAGES:
        yield (
            f"With {words.count(train)} pictures a model like this memorises: it redraws what it has seen, and asked "
            "for something new it answers with something old. Read the figures as proof that every part works "
            "together, not that the model understands language."
        )
