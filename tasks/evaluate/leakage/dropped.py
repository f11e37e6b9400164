"""What would have leaked without dedup: the copies it dropped, in the splits that `pack` would have put them in."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schemas
from tasks.dedup.twins import kept_instead
from tasks.engine.artifact import Artifact
from tasks.pack import Rule, rule_of
from tasks.takedown.hidden import TakenDown
from tasks.takedown.left_out import pair_shards

IN_EVALUATION_SET, FILE_TWICE, NEAR_COPY = "in_evaluation_set", "exact_duplicate", "near_duplicate"
ROWS_AT_ONCE = 1 << 8


@dataclass(frozen=True, order=True)
class PictureAddress:
    """Where a picture is: the shard and the pair; or its name in the evaluation set, with an empty address."""

    uri: str
    pair_id: str


@dataclass
class CopyGroup:
    """The pictures that dedup took for one: the kept one and those it dropped.

    Attributes:
        held_out: URLs of those that would have been held out, with the reason why each was dropped; None for the kept.
        training: reasons why those were dropped that would have been in training; None for the kept. Where the kept one
            is in training, it stands for all.
        shown: a dropped one of training.
    """

    held_out: dict[str, str | None] = field(default_factory=dict)
    training: set[str | None] = field(default_factory=set)
    shown: PictureAddress | None = None

    @property
    def leaks(self) -> bool:
        return bool(self.held_out) and bool(self.training)

    @property
    def reason(self) -> str:
        """Of a group that leaks: `FILE_TWICE` if anything in it is that, else `NEAR_COPY`."""
        return min(each for each in {*self.held_out.values(), *self.training} if each is not None)


@dataclass(frozen=True)
class Dropped:
    """What dedup kept from leaking.

    Attributes:
        groups: those with a picture that would have been held out; by the URL of the kept one where that is held out,
            else by its pair.
        matched: by name, the pictures of the evaluation set that would have been in training, each with a dropped one.
        evaluation_images: of the evaluation set; None where none was named.
    """

    groups: Mapping[str, CopyGroup]
    matched: Mapping[str, PictureAddress]
    evaluation_images: int | None


def dropped(pack: Artifact, dedup: Artifact, held_out: Mapping[str, str]) -> Dropped:
    """Reads the rejects of `dedup`; in memory are the held-out pictures and what would have been held out.

    What was taken down would not have been packed, so it is not among them.

    Args:
        held_out: by the ids of the held-out pairs, the URLs of their pictures.
    """
    screened, takedowns = dedup.inputs()["images"], pack.inputs().get("takedowns")
    hidden = TakenDown.by(takedowns) if takedowns is not None else None
    rule = rule_of(pack.manifest().config["val_fraction"], list(pair_shards(screened, None).values()))
    groups: dict[str, CopyGroup] = defaultdict(CopyGroup)
    matched: dict[str, PictureAddress] = {}
    for uri, row, is_held_out in _rejects(dedup, screened, rule, hidden):
        side = PictureAddress(uri, row["pair_id"])
        if row["reason"] == IN_EVALUATION_SET and not is_held_out:
            name = row["detail"].removeprefix("matches ").split(", cosine ")[0]
            matched[name] = min(matched.get(name, side), side, key=lambda each: each.pair_id)
        kept = kept_instead(row["detail"])
        if row["reason"] not in (FILE_TWICE, NEAR_COPY) or kept is None:
            continue
        if not is_held_out and kept not in held_out:
            continue
        group = groups[held_out.get(kept, kept)]
        if kept in held_out:
            group.held_out[held_out[kept]] = None
        else:
            group.training.add(None)
        if not is_held_out:
            group.training.add(row["reason"])
            group.shown = side
        else:
            group.held_out.setdefault(row["url"], row["reason"])
    return Dropped(groups, matched, dedup.manifest().metrics.get("evaluation_images"))


def _rejects(
    dedup: Artifact, screened: Artifact, rule: Rule, hidden: TakenDown | None
) -> Iterator[tuple[str, dict, bool]]:
    """Every reject that was not taken down, with its shard, and whether it would have been held out."""
    stated = _stated(dedup, screened) if rule.keeps_stated else {}
    columns = ["pair_id", "reason", "detail", "url", *(["image"] if hidden else [])]
    for uri in dedup.files("rejects"):
        for batch in schemas.read_batches(uri, columns, ROWS_AT_ONCE):
            splits = pa.array([stated.get(pair_id) for pair_id in batch["pair_id"].to_pylist()], pa.string())
            held_out = rule.holds_out(batch.append_column("split", splits))
            for row, is_held_out in zip(batch.to_pylist(), held_out.to_pylist(), strict=True):
                if hidden is None or not hidden.hides(row):
                    yield uri, row, is_held_out


def _stated(dedup: Artifact, screened: Artifact) -> dict[str, str]:
    """The splits that the source states of rejected pairs, where it states any."""
    ids = [
        pair for uri in dedup.files("rejects") for pair in schemas.read_table(uri, ["pair_id"])["pair_id"].to_pylist()
    ]
    wanted = pa.array(ids, pa.string())
    found: dict[str, str] = {}
    for uri in screened.files("images"):
        for batch in schemas.read_batches(uri, ["pair_id", "split"], ROWS_AT_ONCE):
            here = batch.filter(pc.and_(pc.is_in(batch["pair_id"], wanted), pc.is_valid(batch["split"])))
            found |= dict(zip(here["pair_id"].to_pylist(), here["split"].to_pylist(), strict=True))
    return found


def held_out_before(found: Dropped, pictures: Sequence[str]) -> list[list[bool]]:
    """Of every picture that would have been held out, whether it would have been in training too; by group.

    Args:
        pictures: URLs of the pictures that are held out now.
    """
    grouped = {url for group in found.groups.values() for url in group.held_out}
    alone = [[False] for url in pictures if url not in grouped]
    return [*([group.leaks] * len(group.held_out) for group in found.groups.values()), *alone]
