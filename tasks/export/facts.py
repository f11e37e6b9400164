"""What is known of an exported data set. The card and the Croissant file say this and nothing else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from tasks.crawl.config import DEMO, kind_of
from tasks.engine.artifact import Artifact, RunRecord
from tasks.engine.code import commit
from tasks.export.shards import SPLITS, ExportedShard, ExportFormat
from tasks.funnel.figures import FunnelStep
from tasks.funnel.lists import steps
from tasks.report import words
from tasks.report.facts import RunFacts, gather
from tasks.report.funnel import NOT_STATED, Source, packed_sources
from tasks.takedown.left_out import REASON
from tasks.takedown.stage import match_takedowns
from tasks.web.refusals import MEANINGS, Reason

# Reasons by which somebody who may refuse has done so, with their sentences.
CONSENT: tuple[Reason, ...] = ("opt_out_list", "robots_disallowed", "robots_unavailable", "opted_out")
SITE_OF_DEMO = "site made of composed pictures"
ABOVE = "../../"  # from the folder of a report to the root that holds its shards
SIGNALS = (
    "Obeyed, where pictures were fetched from the web: robots.txt, noai and noindex in headers and elements of pages, "
    "TDM reservations of pages, headers and sites, and the list of opt-outs where one was named. Nobody was asked "
    "beyond that."
)


@dataclass(frozen=True)
class DataFacts:
    """A data set: its files, and how its pairs were gathered.

    Attributes:
        form: of its shards; None for those that `pack` wrote, as they lie.
        made_from: address of the packed pairs.
        sources: each with its licence and pairs; `kinds`: the kind of each source, by name.
        steps: what each stage kept and rejected, by reason.
        collected: when the crawl began and the fetch ended, UTC.
        published: when the data set was written, UTC.
        pages_disallowed: by robots.txt, which were not asked for; None where no site was crawled.
        image_side: pixels of the shortest side that larger pictures were made smaller to; None if not known.
    """

    name: str
    form: ExportFormat | None
    creator: str
    made_from: str
    shards: tuple[ExportedShard, ...]
    sources: tuple[Source, ...]
    kinds: dict[str, str]
    steps: tuple[FunnelStep, ...]
    collected: tuple[datetime, datetime] | None
    published: datetime
    pages_disallowed: int | None
    image_side: int | None
    code: str | None

    @cached_property
    def pairs(self) -> dict[str, int]:
        """Pairs of each split."""
        found: Counter[str] = Counter()
        for shard in self.shards:
            found[shard.split] += shard.rows
        return dict(found)

    @cached_property
    def image_bytes(self) -> dict[str, int]:
        """Bytes of the encoded pictures of each split; nothing where they were not counted."""
        found: Counter[str] = Counter()
        for shard in self.shards:
            if shard.image_bytes is not None:
                found[shard.split] += shard.image_bytes
        return dict(found)

    @property
    def total(self) -> int:
        """Pairs of all splits."""
        return sum(self.pairs.values())

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(shard.bytes for shard in self.shards)

    @cached_property
    def licences(self) -> dict[str, int]:
        """Pairs under each licence, the most first; NOT_STATED stands for none."""
        found: Counter[str] = Counter()
        for source in self.sources:
            found[source.licence] += source.rows
        return dict(found.most_common())

    @property
    def is_screened_for_english(self) -> bool:
        """Whether captions in other languages were rejected."""
        return any(step.stage == "screen_captions" for step in self.steps)

    @property
    def description(self) -> str:
        """What the data set is, in a sentence or two."""
        parts = ", ".join(f"{words.count(rows)} for {split}" for split, rows in self.pairs.items())
        counted = [shard.caption_characters for shard in self.shards if shard.caption_characters is not None]
        mean = (
            f"; a caption has {words.number(sum(counted) / max(1, self.total))} characters on average"
            if counted
            else ""
        )
        return (
            f"{words.count(self.total)} pictures with captions ({parts}), {words.size(self.bytes)}{mean}. Gathered, "
            "screened, deduplicated and packed by dalle-pipeline."
        )

    @property
    def source_lines(self) -> list[str]:
        """Each source with its kind, its licence and how many pairs it gave."""
        return [
            f"{source.name} ({self.kinds.get(source.name, 'kind not known')}; {source.licence}): "
            f"{words.count(source.rows)} pairs"
            for source in self.sources
        ]

    @property
    def step_lines(self) -> list[str]:
        """Each stage with the rows that came, that went on, and that were rejected for each reason."""
        return [_step_line(step) for step in self.steps]

    @property
    def consent_lines(self) -> list[str]:
        """Which signals were obeyed, and how many rows each of them left out."""
        refused: Counter[str] = Counter()
        for step in self.steps:
            for each in step.refused:
                refused[each.reason] += each.rows
        told = [f"{reason}: {words.count(refused[reason])} rows. {MEANINGS[reason]}" for reason in CONSENT]
        left_out = words.count(refused[REASON])
        if self.pages_disallowed is not None:
            told.append(f"Pages not asked for, as robots.txt disallows them: {words.count(self.pages_disallowed)}.")
        return [SIGNALS, *told, f"Taken down on request, and left out when the pairs were packed: {left_out} pairs."]

    @property
    def limits(self) -> list[str]:
        """What is known to be missing or changed."""
        found = []
        if self.is_screened_for_english:
            found.append("Captions that a language classifier takes for another language than English were rejected.")
        if self.image_side is not None:
            found.append(
                f"Pictures are stored as JPEG, larger ones with {self.image_side} pixels on their shortest side."
            )
        missing = self.licences.get(NOT_STATED, 0)
        if missing:
            found.append(f"For {words.count(missing)} of {words.count(self.total)} pairs no licence is stated.")
        found.append("Neither people nor personal data in pictures and captions were looked for or removed.")
        return found


def data_facts(
    pairs: Artifact, shards: Sequence[ExportedShard], form: ExportFormat, name: str, creator: str, published: datetime
) -> DataFacts:
    """The facts of what was exported of packed pairs, read from the manifests of the stages that made them.

    Raises:
        DamagedArtifactError: a manifest cannot be read.
    """
    return facts_of(gather([pairs]), pairs, shards, form, name, creator, published)


def packed_facts(run: RunFacts) -> DataFacts | None:
    """The facts of the pairs that the models of a run were trained on, as they lie in its root; None without any.

    Reads no pair: sizes of pictures and lengths of captions are in the account of the data.
    """
    pack = run.get("pack")
    if pack is None:
        return None
    place = f"{ABOVE}{pack.artifact.address}"
    shards = [
        ExportedShard(f"{place}/{record.path}", split, record.rows or 0, record.bytes, record.sha256)
        for record in pack.manifest.outputs
        if (split := record.path.split("-")[0]) in SPLITS
    ]
    return facts_of(run, pack.artifact, shards, None, "Training pairs", "not stated", _ended(pack.manifest.run))


def facts_of(
    run: RunFacts,
    pairs: Artifact,
    shards: Sequence[ExportedShard],
    form: ExportFormat | None,
    name: str,
    creator: str,
    published: datetime,
) -> DataFacts:
    """As `data_facts`, of pairs whose manifests were read."""
    found = packed_sources(run)
    records = [run.stages[stage].manifest.run for stage in ("crawl", "fetch") if stage in run.stages]
    fetched, crawl = run.get("fetch"), run.get("crawl")
    return DataFacts(
        name=name,
        form=form,
        creator=creator,
        made_from=pairs.address,
        shards=tuple(shards),
        sources=tuple(found),
        kinds={each.name: SITE_OF_DEMO if each.name == DEMO else kind_of(each.name) for each in found},
        steps=steps(done.manifest for stage, done in run.data_stages.items() if stage != match_takedowns.name),
        collected=(_began(records[0]), _ended(records[-1])) if records else None,
        published=published,
        pages_disallowed=crawl.manifest.metrics.get("pages_disallowed") if crawl else None,
        image_side=fetched.manifest.config.get("image_size") if fetched else None,
        code=commit(),
    )


def _step_line(step: FunnelStep) -> str:
    rejected = ", ".join(f"{refused.reason} {words.count(refused.rows)}" for refused in step.refused)
    kept = f"{step.stage}: {words.count(step.rows_in)} {step.unit} in, {words.count(step.rows_kept)} out"
    return f"{kept}; rejected: {rejected}" if rejected else kept


def _began(record: RunRecord) -> datetime:
    return datetime.fromisoformat(record.started)


def _ended(record: RunRecord) -> datetime:
    return (_began(record) + timedelta(seconds=record.seconds)).replace(microsecond=0)
