"""Given pictures, and what was drawn below their upper parts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tasks.report.facts import RunFacts
from tasks.report.gallery import Row, Sample, sample_of

UNCURATED = 2  # candidates shown as they came, before the best


@dataclass(frozen=True)
class Translated:
    """What was asked for below a picture, and drawn.

    Attributes:
        kept: share of the height that is the picture's own, percent.
        unread: the end of the prompt that the generator does not read.
        first: the candidates that were drawn first.
        best: the one with the highest score of all `count`.
    """

    prompt: str
    kept: float
    unread: str
    count: int
    first: Sequence[Sample]
    best: Sample


@dataclass(frozen=True)
class TranslatedPicture:
    """A picture with its cases; `pair_id`: None for a file that the user named."""

    caption: str
    pair_id: str | None
    image: bytes
    cases: Sequence[Translated]


def translations(facts: RunFacts, pictures_at_most: int) -> list[TranslatedPicture]:
    """The first given pictures with all cases; none where the run has no such stage."""
    done = facts.get("translate")
    if done is None:
        return []
    given = sorted(done.rows("given"), key=lambda row: row["picture"])[:pictures_at_most]
    shown = {row["picture"] for row in given}
    drawn: dict[int, list[Row]] = defaultdict(list)
    for row in done.rows("translations"):
        if row["picture"] in shown:
            drawn[row["picture"]].append(row)
    return [
        TranslatedPicture(row["caption"], row["pair_id"], row["image"], _cases(drawn[row["picture"]])) for row in given
    ]


def _cases(rows: Sequence[Row]) -> list[Translated]:
    ordered = sorted(rows, key=lambda row: (row["prompt_id"], row["index"]))
    cases = (list(members) for _, members in groupby(ordered, key=lambda row: row["prompt_id"]))
    return [
        Translated(
            prompt=members[0]["prompt"],
            kept=100 * members[0]["keep_rows"],
            unread=members[0]["unread"],
            count=len(members),
            first=[sample_of(row) for row in members[:UNCURATED]],
            best=sample_of(min(members, key=lambda row: row["rank"])),
        )
        for members in cases
    ]
