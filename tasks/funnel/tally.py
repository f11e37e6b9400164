"""What is counted of one stage of the data part, shard by shard, in memory that does not grow with the rows."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks import schemas
from tasks.funnel.config import Config
from tasks.funnel.draw import Draw
from tasks.funnel.top_counts import TopCounts
from tasks.web.urls import hosts

REJECTS = "rejects"
SCREENS = "screen_"  # stages of this name have rules about lengths and sizes
NOT_ENGLISH, NEAR_DUPLICATE = "not_english", "near_duplicate"
ROWS_AT_ONCE = 16_384
HOSTS_REMEMBERED = 5_000  # a tally of them is below a megabyte
COLUMNS = ("pair_id", "url", "source", "licence", "alt", "caption", "width", "height", "reason", "detail")
LANGUAGE = re.compile(r"([a-z]{2,3}(?:-[A-Za-z]{2,4})?) [01]\.\d+")  # as the language check writes it: de 0.98

EDGES: dict[str, NDArray[np.float64]] = {
    "caption_words": np.arange(0.0, 41.0),
    "caption_characters": np.arange(0.0, 310.0, 10.0),
    "shortest_side": 2.0 ** np.arange(4, 13.5, 0.5),
    "aspect": 2.0 ** np.arange(-3, 3.25, 0.25),
}
# Kept rows nearest to what rules of lengths and sizes refuse: the measure, and -1 where its highest values are meant.
NEAR_LENGTHS = {"shortest kept": ("caption_characters", 1), "longest kept": ("caption_characters", -1)}
NEAR_SIZES = {"smallest kept": ("shortest_side", 1), "most elongated kept": ("elongation", -1)}


@dataclass(frozen=True)
class ShardPlace:
    """A shard of a stage's artifact; `kind` is `rejects` or what its rows are."""

    stage: str
    kind: str
    uri: str


@dataclass
class StageTally:
    """Counts and examples of the rows that one stage kept and refused."""

    config: Config
    kept: Draw
    near_limits: dict[str, Draw] = field(default_factory=dict)
    refused: dict[str, Draw] = field(default_factory=dict)  # by reason
    bins: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # of kept rows, by measure
    kept_hosts: TopCounts[tuple[str, str]] = field(default_factory=lambda: TopCounts(HOSTS_REMEMBERED))
    refused_hosts: TopCounts[tuple[str, str]] = field(default_factory=lambda: TopCounts(HOSTS_REMEMBERED))
    licences: TopCounts[tuple[str, str | None]] = field(default_factory=lambda: TopCounts(HOSTS_REMEMBERED))
    languages: Counter[str] = field(default_factory=Counter)

    @classmethod
    def empty(cls, config: Config) -> Self:
        return cls(config, Draw(config.examples))

    @property
    def missed(self) -> int:
        """The largest possible error of a count of hosts or licences."""
        return max(counts.missed for counts in (self.kept_hosts, self.refused_hosts, self.licences))

    def add(self, place: ShardPlace, table: pa.Table) -> None:
        """Counts some rows of a shard, which have the columns of `COLUMNS` that their kind has."""
        if place.kind == REJECTS:
            self._add_refused(place, table)
        else:
            self._add_kept(place, table)

    def merge(self, other: "StageTally") -> None:
        """Adds what was counted of other shards."""
        self.kept.add(other.kept.examples)
        for own, others in ((self.near_limits, other.near_limits), (self.refused, other.refused)):
            for name, draw in others.items():
                own.setdefault(name, Draw(draw.most, draw.distinct)).add(draw.examples)
        for name, counts in other.bins.items():
            self.bins[name] = self.bins.get(name, 0) + counts
        self.kept_hosts.merge(other.kept_hosts)
        self.refused_hosts.merge(other.refused_hosts)
        self.licences.merge(other.licences)
        self.languages.update(other.languages)

    def _add_kept(self, place: ShardPlace, table: pa.Table) -> None:
        measured = dict(_measures(table))
        table = _described(table)
        self.kept.add_rows(table, place.uri)
        for name, values in measured.items():
            if name in EDGES:
                inside = np.clip(values, EDGES[name][0], EDGES[name][-1])
                self.bins[name] = self.bins.get(name, 0) + np.histogram(inside, EDGES[name])[0]
        near_limits = NEAR_SIZES if "elongation" in measured else NEAR_LENGTHS
        for name, (measure, sign) in near_limits.items() if place.stage.startswith(SCREENS) else ():
            if measure in measured:
                draw = self.near_limits.setdefault(name, Draw(self.config.examples, distinct=True))
                draw.add_rows(table, place.uri, pa.array(sign * measured[measure]))
        if {"source", "url"} <= set(table.column_names):
            self.kept_hosts.add(_counted(table["source"], _hosts(table)))
        if {"source", "licence"} <= set(table.column_names):
            self.licences.add(_counted(table["source"], pc.utf8_slice_codeunits(table["licence"], 0, 120)))

    def _add_refused(self, place: ShardPlace, table: pa.Table) -> None:
        for reason in table["reason"].unique().to_pylist():
            most = self.config.duplicates if reason == NEAR_DUPLICATE else self.config.examples
            rows = table.filter(pc.equal(table["reason"], reason))
            self.refused.setdefault(reason, Draw(most)).add_rows(rows, place.uri)
        self.refused_hosts.add(_counted(table["reason"], _hosts(table)))
        details = table.filter(pc.equal(table["reason"], NOT_ENGLISH))["detail"].to_pylist()
        self.languages.update(named[1] if (named := LANGUAGE.match(text or "")) else "uncertain" for text in details)


def tally_shards(config: Config, places: Sequence[ShardPlace]) -> dict[str, StageTally]:
    """By stage, what is counted of some shards. Runs in a Dask worker; reads no image."""
    found: dict[str, StageTally] = {}
    for place in places:
        tally = found.setdefault(place.stage, StageTally.empty(config))
        with schemas.opened_shard(place.uri) as shard:
            columns = [name for name in COLUMNS if name in shard.schema_arrow.names]
            for batch in shard.iter_batches(ROWS_AT_ONCE, columns=columns):
                tally.add(place, pa.Table.from_batches([batch]))
    return found


def _measures(table: pa.Table) -> Iterator[tuple[str, NDArray[Any]]]:
    """What can be measured of each row, by name."""
    text = next((table[name] for name in ("caption", "alt") if name in table.column_names), None)
    if text is not None:
        yield "caption_words", pc.count_substring_regex(text, r"\S+").to_numpy()
        yield "caption_characters", pc.utf8_length(text).to_numpy()
    if {"width", "height"} <= set(table.column_names):
        width, height = (np.maximum(table[name].to_numpy(), 1) for name in ("width", "height"))
        yield "shortest_side", np.minimum(width, height)
        yield "aspect", width / height
        yield "elongation", np.maximum(width, height) / np.minimum(width, height)


def _described(table: pa.Table) -> pa.Table:
    """Kept rows with a caption, which is the alt text as long as there is no other, and their size as the detail."""
    if "caption" not in table.column_names and "alt" in table.column_names:
        table = table.append_column("caption", table["alt"])
    if {"width", "height"} <= set(table.column_names):
        width, height = (pc.cast(table[name], pa.string()) for name in ("width", "height"))
        return table.append_column("detail", pc.binary_join_element_wise(width, height, "x"))
    if "caption" in table.column_names:
        length = pc.cast(pc.utf8_length(table["caption"]), pa.string())
        return table.append_column("detail", pc.binary_join_element_wise(length, "characters", " "))
    return table


def _hosts(table: pa.Table) -> pa.ChunkedArray:
    """The host of each row's address; empty for local files and what is no address."""
    return pc.fill_null(pc.utf8_slice_codeunits(pc.utf8_lower(hosts(table["url"])), 0, 255), "")


def _counted(first: pa.ChunkedArray, second: pa.ChunkedArray) -> dict[tuple[Any, Any], int]:
    """How often each two values stand in one row."""
    groups = pa.table({"a": first, "b": second}).group_by(["a", "b"]).aggregate([([], "count_all")])
    names = zip(groups["a"].to_pylist(), groups["b"].to_pylist(), strict=True)
    return dict(zip(names, groups["count_all"].to_pylist(), strict=True))
