"""The pictures of the page: samples beside what they should show, and reconstructions beside originals."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine import storage
from tasks.evaluate.pictures import KIND
from tasks.evaluate.quantities import NamedPicture, Picked
from tasks.report.facts import RunFacts
from tasks.report.measured import Panel
from tasks.sample.prompts import NO_SUITES, PAIR_GROUPS

Row = dict[str, Any]
Key = tuple[int, int]  # prompt and index name a sample
VERDICT = ("is_hit", "nearest_pair_id", "nearest_caption", "nearest_mse", "read", "wrong")


@dataclass(frozen=True)
class Sample:
    """A generated image with what the evaluation said of it."""

    image: bytes
    index: int
    rank: int
    score: float
    is_hit: bool | None = None
    nearest_pair_id: str | None = None
    nearest_caption: str = ""
    nearest_mse: float | None = None
    read: str | None = None
    wrong: Sequence[str] | None = None

    @property
    def is_right(self) -> bool | None:
        """As the judge of compositions reads it, or else by its nearest picture; None where neither can tell."""
        return self.is_hit if self.wrong is None else not self.wrong


@dataclass(frozen=True)
class Prompted:
    """A prompt with all its samples, best first, and the seed they were drawn with."""

    prompt: str
    group: str
    pair_id: str | None
    seed: int
    category: str | None
    samples: tuple[Sample, ...]

    @property
    def best(self) -> Sample:
        return self.samples[0]

    @property
    def worst(self) -> Sample:
        return self.samples[-1]

    @property
    def first(self) -> Sample:
        """The sample that was drawn first: what one gets without a ranker."""
        return min(self.samples, key=lambda sample: sample.index)


@dataclass(frozen=True)
class Rebuilt:
    """A held-out image beside what its codes keep of it; `codes` in raster order, uint16 [h*w]."""

    caption: str
    psnr_db: float
    codes: NDArray[np.uint16]
    original: bytes
    reconstruction: bytes


@dataclass(frozen=True)
class Gallery:
    """The samples shown, by group, and the images of the corpus that belong beside them."""

    groups: dict[str, list[Prompted]] = field(default_factory=dict)
    pairs: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def prompts(self) -> list[Prompted]:
        """Those that are of no suite."""
        return [prompted for group in PAIR_GROUPS for prompted in self.groups.get(group, [])]

    @property
    def suites(self) -> dict[str, list[Prompted]]:
        """Those of suites, by suite."""
        return {group: prompts for group, prompts in self.groups.items() if group not in NO_SUITES}


def open_gallery(facts: RunFacts, prompts_at_most: int, suite_prompts_at_most: int) -> Gallery:
    """Reads what will be shown, shard by shard, and no more: the first prompts of each group."""
    scored = facts.get("rerank")
    most = defaultdict(lambda: suite_prompts_at_most, dict.fromkeys(PAIR_GROUPS, prompts_at_most))
    counted: Counter[str] = Counter()
    rows: list[Row] = []
    for uri in scored.artifact.files("scores") if scored else []:
        chosen = _first_prompts(uri, counted, most)
        rows += _rows_of(uri, chosen) if chosen else []
    chosen = {row["prompt_id"] for row in rows}
    evaluated = facts.get("evaluate")
    verdicts = (row for uri in evaluated.artifact.files("judged") for row in _rows_of(uri, chosen)) if evaluated else ()
    judged = {(row["prompt_id"], row["index"]): row for row in verdicts}
    groups: dict[str, list[Prompted]] = defaultdict(list)
    for prompted in _prompts_of(rows, judged):
        groups[prompted.group].append(prompted)
    shown = [prompted for group in groups.values() for prompted in group]
    wanted = {p.pair_id for p in shown} | {s.nearest_pair_id for p in shown for s in p.samples}
    return Gallery(dict(groups), images_of(facts, {pair_id for pair_id in wanted if pair_id}))


def _first_prompts(uri: str, counted: Counter[str], most: Mapping[str, int]) -> set[int]:
    """The prompts of a shard that are among the first so many of their group; counts them."""
    asked = schemas.read_table(uri, ["prompt_id", "group"])
    groups = dict(zip(asked["prompt_id"].to_pylist(), asked["group"].to_pylist(), strict=True))
    chosen = set()
    for prompt_id, group in sorted(groups.items()):
        if counted[group] < most[group]:
            counted[group] += 1
            chosen.add(prompt_id)
    return chosen


def _rows_of(uri: str, prompts: set[int]) -> list[Row]:
    """The rows of a shard that are of some prompts."""
    table = schemas.read_table(uri)
    return table.filter(pc.is_in(table["prompt_id"], pa.array(sorted(prompts), pa.int32()))).to_pylist()


def some_pairs(facts: RunFacts, count: int) -> list[Row]:
    """The first training pairs: ids are hashes, so these are as good as random."""
    pack = facts.get("pack")
    files = pack.artifact.files("train") if pack else []
    if not files:
        return []
    batches = schemas.read_batches(files[0], ["pair_id", "caption", "image"], count)
    return [row for batch in islice(batches, 1) for row in batch.to_pylist()]


def panel(facts: RunFacts, each: int = 5) -> dict[str, list[Rebuilt]]:
    """Reconstructions by a fixed rule: the best, those in the middle, and the worst by PSNR."""
    rows = sorted(_rows(facts, "evaluate", "reconstructions"), key=lambda row: (-row["psnr_db"], row["pair_id"]))
    if len(rows) <= 3 * each:
        return {"all": [_rebuilt(row) for row in rows]} if rows else {}
    middle = (len(rows) - each) // 2
    parts = {"best": rows[:each], "middle": rows[middle : middle + each], "worst": rows[-each:]}
    return {name: [_rebuilt(row) for row in part] for name, part in parts.items()}


def _rebuilt(row: Row) -> Rebuilt:
    codes = np.frombuffer(row["codes"], "<u2")
    return Rebuilt(row["caption"], row["psnr_db"], codes, row["original"], row["reconstruction"])


def _rows(facts: RunFacts, stage: str, kind: str) -> list[Row]:
    done = facts.get(stage)
    return list(done.rows(kind)) if done else []


def _prompts_of(rows: Sequence[Row], judged: dict[Key, Row]) -> Iterable[Prompted]:
    ordered = sorted(rows, key=lambda row: (row["prompt_id"], row["rank"]))
    for _, group in groupby(ordered, key=lambda row: row["prompt_id"]):
        members = list(group)
        samples = tuple(sample_of(row, judged.get((row["prompt_id"], row["index"]), {})) for row in members)
        first = members[0]
        known = {name: first[name] for name in ("prompt", "group", "pair_id", "seed", "category")}
        yield Prompted(**known, samples=samples)


def key_of(picture: Picked | NamedPicture) -> Key | str:
    """What names a picture of a panel: prompt and index of a sample, or the name it was stored under."""
    return (picture.prompt_id, picture.index) if isinstance(picture, Picked) else picture.name


def picked_images(facts: RunFacts, panels: Iterable[Panel]) -> dict[Key | str, bytes]:
    """The images of panels, by what names them."""
    wanted = {key_of(s) for panel in panels for p in panel.pictures.prompts for s in p.samples}
    found: dict[Key | str, bytes] = {row["name"]: row["image"] for row in _rows(facts, "evaluate", KIND)}
    scored = facts.get("rerank")
    for uri in scored.artifact.files("scores") if scored and wanted else []:
        for row in schemas.read_table(uri, ["prompt_id", "index", "image"]).to_pylist():
            if (row["prompt_id"], row["index"]) in wanted:
                found[row["prompt_id"], row["index"]] = row["image"]
    return found


def sample_of(row: Row, verdict: Row | None = None) -> Sample:
    """A scored sample, and the verdict on it if there is one."""
    told = {name: verdict[name] for name in VERDICT if name in verdict} if verdict else {}
    return Sample(row["image"], row["index"], row["rank"], row["score"], **told)


def images_of(facts: RunFacts, wanted: set[str]) -> dict[str, bytes]:
    """The packed images of some pairs, by id. Only the row groups that may hold a wanted pair are read."""
    pack = facts.get("pack")
    found: dict[str, bytes] = {}
    for uri in [*pack.artifact.files("train"), *pack.artifact.files("val")] if pack and wanted else []:
        chosen = pc.field("pair_id").isin(sorted(wanted))
        fs, path = storage.filesystem(uri)
        with storage.plain_errors(uri, "read"):
            table = pq.read_table(
                path, filesystem=fs, columns=["pair_id", "image"], filters=chosen, page_checksum_verification=True
            )
        found |= dict(zip(table["pair_id"].to_pylist(), table["image"].to_pylist(), strict=True))
    return found
