"""What became of every row: kept and refused at each stage, with examples, as the funnel stage gathered them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from tasks import schemas
from tasks.funnel.figures import Funnel, FunnelStep
from tasks.funnel.lists import FETCH
from tasks.funnel.tally import NEAR_DUPLICATE
from tasks.report import words
from tasks.report.facts import RunFacts
from tasks.report.measured import Plot, plots
from tasks.takedown.stage import match_takedowns

NOT_STATED = "licence not stated"
COLOURS = 6  # classes r0 … r5 of the style sheet
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """Rows of a stage with one reason."""

    reason: str
    rows: int
    share: float  # of all candidates
    style: str


@dataclass(frozen=True)
class FunnelBar:
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
class Share:
    """A row of a list of counts; `length` is that of its bar, of the largest."""

    name: str
    rows: int
    length: float
    share: float | None = None


@dataclass(frozen=True)
class Exhibit:
    """Examples of what a stage kept, or refused for one reason: rows of `tasks.funnel.examples.EXAMPLES`.

    `is_pairs`: what was refused stands elsewhere on the page, beside what was kept for it.
    """

    title: str
    meaning: str  # a sentence about the reason; may be empty
    is_kept: bool
    is_pairs: bool
    rows: int | None  # None of those that were kept and are near a limit
    share: float | None  # of the rows that came into the stage
    examples: tuple[Row, ...]


@dataclass(frozen=True)
class StageExhibits:
    """All exhibits of one stage, with its counts."""

    step: FunnelStep
    exhibits: tuple[Exhibit, ...]


@dataclass(frozen=True)
class FunnelView:
    """The gathered account of the data, ready for the page."""

    figures: Funnel
    plots: tuple[Plot, ...]
    failures: tuple[Share, ...]
    languages: tuple[Share, ...]
    duplicates: tuple[Row, ...]  # pictures, side by side with those kept
    duplicates_found: int
    stages: tuple[StageExhibits, ...]


def bars(facts: RunFacts) -> list[FunnelBar]:
    """The data stages that pairs went through, each drawn to the scale of the widest."""
    ran = facts.data_stages.items()
    done = [(name, finished.manifest.counts) for name, finished in ran if name != match_takedowns.name]
    widest = max((counts.rows_in for _, counts in done), default=0)
    if not widest:
        return []
    colour = iter(range(10_000))
    return [
        FunnelBar(
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
        table = schemas.read_table(uri, ["source", "licence"])
        pairs = zip(table["source"].to_pylist(), table["licence"].to_pylist(), strict=True)
        rows.update((source, licence or NOT_STATED) for source, licence in pairs)
    ordered = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    return [Source(name, licence, count) for (name, licence), count in ordered]


def packed_sources(facts: RunFacts) -> list[Source]:
    """The same from the account of the data, where that was gathered; else as `sources` reads them from all pairs.

    The account lists the largest. What is packed of others, and what it forgot, stands under one name.
    """
    if facts.funnel is None:
        return sources(facts)
    listed = [Source(each.source, each.licence or NOT_STATED, each.kept) for each in facts.funnel.licences if each.kept]
    pack = facts.get("pack")
    others = (pack.count("train") + pack.count("val") if pack else 0) - sum(source.rows for source in listed)
    return listed + [Source("others", "licences not listed", others)] * (others > 0)


def view(facts: RunFacts, shown: int) -> FunnelView | None:
    """What the funnel stage gathered; None where it did not run. Reads its table of examples and no other.

    Args:
        shown: examples of what is kept and of each reason, at most.
    """
    done, figures = facts.get("funnel"), facts.funnel
    if done is None or figures is None:
        return None
    examples = list(done.rows("examples"))
    steps = {step.stage: step for step in figures.steps}
    fetch = steps.get(FETCH)
    return FunnelView(
        figures=figures,
        plots=plots("funnel", "", figures.distributions),
        failures=_shares({each.reason: each.rows for each in fetch.refused}, fetch.rows_in) if fetch else (),
        languages=_shares(figures.languages),
        duplicates=tuple(row for row in examples if _is_pair(row)),
        duplicates_found=sum(
            each.rows for step in figures.steps for each in step.refused if each.reason == NEAR_DUPLICATE
        ),
        stages=tuple(
            StageExhibits(steps[stage], tuple(_exhibits(steps[stage], list(rows), shown)))
            for stage, rows in groupby(examples, key=lambda row: row["stage"])
        ),
    )


def _exhibits(step: FunnelStep, examples: Sequence[Row], at_most: int) -> Iterator[Exhibit]:
    others = [row for row in examples if not _is_pair(row)]
    by_group = {group: tuple(islice(rows, at_most)) for group, rows in groupby(others, key=lambda row: row["group"])}
    for group, rows in by_group.items():
        if rows[0]["is_kept"]:
            count = step.rows_kept if group == "kept" else None
            yield Exhibit(group, "", True, False, count, count and count / step.rows_in, rows)
    for each in step.refused:
        yield Exhibit(
            title=words.reason_words(each.reason),
            meaning=words.reason_meaning(each.reason),
            is_kept=False,
            is_pairs=any(_is_pair(row) for row in examples if row["group"] == each.reason),
            rows=each.rows,
            share=each.share,
            examples=by_group.get(each.reason, ()),
        )


def _is_pair(row: Row) -> bool:
    """Whether it is shown beside the picture that was kept, in a place of its own."""
    return row["group"] == NEAR_DUPLICATE and row["kept_picture"] is not None


def _shares(counts: Mapping[str, int], of: int | None = None) -> tuple[Share, ...]:
    most = max(counts.values(), default=1)
    return tuple(Share(name, rows, rows / most, of and rows / of) for name, rows in counts.items())
