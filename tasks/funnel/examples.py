"""The table of examples: rows that each stage kept and refused, with small pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.dedup.twins import kept_instead
from tasks.funnel.draw import Example
from tasks.funnel.figures import DuplicatePair
from tasks.funnel.pictures import Place, SmallPicture
from tasks.funnel.tally import StageTally

# A row of a stage that kept or refused it. The order is that in which they are to be shown.
EXAMPLES = pa.schema(
    [
        pa.field("stage", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),  # kept, or its reason, or which limit it is near to
        pa.field("is_kept", pa.bool_(), nullable=False),
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("picture", pa.binary()),  # PNG
        pa.field("kept_pair_id", pa.string()),  # of a duplicate: the pair that was kept
        pa.field("kept_picture", pa.binary()),  # its picture
        pa.field("hash_bits", pa.int32()),  # of a duplicate: see figures.DuplicatePair
        pa.field("grey_levels", pa.int32()),
    ]
)
KEPT = "kept"


@dataclass(frozen=True)
class Shown:
    """An example in its place; `kept` is that of the picture which was kept in place of a duplicate."""

    stage: str
    group: str
    is_kept: bool
    example: Example

    @property
    def kept_pair_id(self) -> str | None:
        return None if self.is_kept else kept_instead(self.example.detail)


def chosen(tallies: Mapping[str, StageTally], reasons: Mapping[str, Sequence[str]]) -> Iterator[Shown]:
    """The examples of every stage that refused something, by its reasons in the given order."""
    for stage, tally in tallies.items():
        if reasons.get(stage):
            for group, draw in {KEPT: tally.kept, **tally.near_limits}.items():
                yield from (Shown(stage, group, True, example) for example in draw.examples)
            for reason in reasons[stage]:
                refused = tally.refused.get(reason)
                yield from (Shown(stage, reason, False, example) for example in (refused.examples if refused else ()))


def rows(
    shown: Sequence[Shown], pictures: Mapping[Place, SmallPicture], kept: Mapping[tuple[str, str], SmallPicture]
) -> list[dict[str, Any]]:
    """Rows of `EXAMPLES`; of the duplicates of one reason the least alike first, which are nearest to the limit.

    Args:
        kept: pictures that were kept in place of duplicates, by stage and pair.
    """
    found = [_row(each, pictures, kept) for each in shown]
    places = {(row["stage"], row["group"]): place for place, row in reversed([*enumerate(found)])}
    return sorted(found, key=lambda row: (places[row["stage"], row["group"]], -(row["hash_bits"] or 0)))


def _row(
    shown: Shown, pictures: Mapping[Place, SmallPicture], kept: Mapping[tuple[str, str], SmallPicture]
) -> dict[str, Any]:
    example, twin_id = shown.example, shown.kept_pair_id
    own = pictures.get((example.uri, example.pair_id))
    twin = kept.get((shown.stage, twin_id)) if twin_id else None
    bits, levels = own.distance(twin) if own and twin else (None, None)
    return {
        "stage": shown.stage,
        "group": shown.group,
        "is_kept": shown.is_kept,
        "pair_id": example.pair_id,
        "caption": example.caption,
        "detail": example.detail,
        "url": example.url,
        "picture": own and own.png,
        "kept_pair_id": twin_id,
        "kept_picture": twin and twin.png,
        "hash_bits": bits,
        "grey_levels": levels,
    }


def duplicate_pairs(found: Sequence[Mapping[str, Any]]) -> list[DuplicatePair]:
    """The duplicates among the rows of `EXAMPLES` whose two pictures were compared, the least alike first."""
    names = DuplicatePair.model_fields.keys() - {"reason"}
    pairs = [
        DuplicatePair(reason=row["group"], **{name: row[name] for name in names})
        for row in found
        if row["hash_bits"] is not None
    ]
    return sorted(pairs, key=lambda pair: (-pair.hash_bits, -pair.grey_levels, pair.pair_id))
