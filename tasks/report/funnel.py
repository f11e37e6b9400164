"""What became of every row: kept and refused at each stage, and examples of what was refused."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow.parquet as pq
from markupsafe import Markup

from tasks.engine import storage
from tasks.report import words
from tasks.report.facts import Finished, RunFacts
from tasks.report.gallery import images_of
from tasks.report.pictures import picture
from tasks.takedown.hidden import TakenDown
from tasks.takedown.left_out import TWIN
from tasks.takedown.stage import match_takedowns

COLOURS = 6  # classes r0 … r5 of the style sheet


@dataclass(frozen=True)
class Refused:
    """Rows of a stage with one reason."""

    reason: str
    rows: int
    share: float  # of all candidates
    style: str


@dataclass(frozen=True)
class FunnelStep:
    """One stage of the funnel. Shares are of all candidates that the crawl found."""

    stage: str
    name: str
    unit: str
    rows_in: int
    rows_out: int
    share_in: float
    share_out: float
    refused: tuple[Refused, ...]


@dataclass(frozen=True)
class Source:
    """A source of packed pairs under one licence."""

    name: str
    licence: str
    rows: int


@dataclass(frozen=True)
class Example:
    """A refused row a person can look at."""

    picture: Markup
    twin: Markup  # of a duplicate: the picture that was kept in its place
    caption: str
    detail: str
    url: str


@dataclass(frozen=True)
class Exhibit:
    """Examples of one reason of one stage."""

    stage: str
    reason: str
    rows: int
    examples: tuple[Example, ...]


def steps(facts: RunFacts) -> list[FunnelStep]:
    """The data stages that pairs went through, each drawn to the scale of the widest."""
    ran = facts.data_stages.items()
    done = [(name, finished.manifest.counts) for name, finished in ran if name != match_takedowns.name]
    widest = max((counts.rows_in for _, counts in done), default=0)
    if not widest:
        return []
    colour = iter(range(10_000))
    return [
        FunnelStep(
            stage=name,
            name=words.name_words(name),
            unit=counts.unit,
            rows_in=counts.rows_in,
            rows_out=counts.rows_out,
            share_in=counts.rows_in / widest,
            share_out=counts.rows_out / widest,
            refused=tuple(
                Refused(reason, rows, rows / widest, f"r{next(colour) % COLOURS}")
                for reason, rows in sorted(counts.rejected.items(), key=lambda item: (-item[1], item[0]))
                if rows
            ),
        )
        for name, counts in done
    ]


def sources(facts: RunFacts) -> list[Source]:
    """Where the packed pairs come from, the largest source first."""
    pack = facts.get("pack")
    rows: Counter[tuple[str, str]] = Counter()
    for uri in [*pack.artifact.files("train"), *pack.artifact.files("val")] if pack else []:
        fs, path = storage.filesystem(uri)
        table = pq.read_table(path, filesystem=fs, columns=["source", "licence"], page_checksum_verification=True)
        pairs = zip(table["source"].to_pylist(), table["licence"].to_pylist(), strict=True)
        rows.update((source, licence or "licence not stated") for source, licence in pairs)
    ordered = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    return [Source(name, licence, count) for (name, licence), count in ordered]


def exhibits(facts: RunFacts, examples: int, side: int) -> list[Exhibit]:
    """For each reason of each stage, the first refused rows. What was taken down is counted, and not shown."""
    comparison = facts.get(match_takedowns.name)
    hidden = TakenDown.by(comparison.artifact) if comparison is not None else None
    return [
        exhibit
        for stage, done in facts.stages.items()
        for exhibit in _exhibits_of(facts, stage, done, examples, side, hidden)
    ]


def _exhibits_of(
    facts: RunFacts, stage: str, done: Finished, examples: int, side: int, hidden: TakenDown | None
) -> Iterator[Exhibit]:
    rejected = {reason: rows for reason, rows in done.manifest.counts.rejected.items() if rows}
    if not rejected:
        return
    found: dict[str, list[dict[str, Any]]] = {reason: [] for reason in rejected}
    for row in done.rows("rejects"):
        if hidden is not None and hidden.hides(row):
            continue
        found.setdefault(row["reason"], []).append(row)
        if all(len(rows) >= min(examples, rejected.get(reason, 0)) for reason, rows in found.items()):
            break
    for reason in sorted(rejected, key=lambda r: (-rejected[r], r)):
        rows = list(islice(found[reason], examples))
        kept = images_of(facts, {twin for row in rows if (twin := _twin(row))})
        yield Exhibit(stage, reason, rejected[reason], tuple(_example(row, kept, side) for row in rows))


def _twin(row: dict[str, Any]) -> str | None:
    """The id of the pair that was kept in place of a duplicate; None for other rejects."""
    named = TWIN.fullmatch(row["detail"] or "")
    return named[1] if named else None


def _example(row: dict[str, Any], kept: dict[str, bytes], side: int) -> Example:
    caption, twin = row["caption"] or "", kept.get(_twin(row) or "")
    image = picture(row["image"], side, caption or "refused image", whole=True) if row["image"] else Markup("")
    if twin is None:
        return Example(image, Markup(""), caption, row["detail"] or "", row["url"] or "")
    beside = picture(twin, side, "the picture that was kept", whole=True)
    return Example(image, beside, caption, "the same as the second picture, which was kept", row["url"] or "")
