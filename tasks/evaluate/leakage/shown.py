"""The judged pictures and their copies that the page shows side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tasks.dedup.evaluation_set import EvaluationSet, encoded_images
from tasks.engine.shards import map_shards
from tasks.evaluate.leakage.copies import WORDS
from tasks.evaluate.leakage.dropped import FILE_TWICE, NEAR_COPY, PictureAddress
from tasks.evaluate.leakage.leaks import Leaks
from tasks.evaluate.pictures import PICTURES
from tasks.evaluate.quantities import NamedPicture, Picks, Pictures
from tasks.funnel.pictures import Place, SmallPicture, Wanted, read_pictures, small_picture, wanted_of
from tasks.settings import Settings

SHOWN = 12
SIDE_PX = 128
COPIES = {FILE_TWICE: "the same file", NEAR_COPY: "nearly the same picture"}


@dataclass(frozen=True)
class Beside:
    """A judged picture and its copy. `name` begins those under which they are stored."""

    name: str
    judged: PictureAddress
    copy: PictureAddress
    said: str

    def picks(self) -> Picks:
        stored = (NamedPicture(name=f"{self.name}-judged"), NamedPicture(name=f"{self.name}-copy"))
        return Picks(prompt=self.said, samples=stored)


def kept_out(leaks: Leaks) -> list[Beside]:
    """Judged pictures whose copies dedup kept out of training, in the order of their ids."""
    if leaks.dropped is None:
        return []
    matched = [
        (PictureAddress("", name), copy, f"{name} of the evaluation set")
        for name, copy in sorted(leaks.dropped.matched.items())
    ]
    held_out = [
        (side, group.shown, COPIES[group.reason])
        for url, (side, _) in zip(leaks.urls, leaks.held_out, strict=True)
        if (group := leaks.dropped.groups.get(url)) is not None and group.leaks and group.shown is not None
    ]
    chosen = [*sorted(held_out, key=lambda each: each[0].pair_id)[:SHOWN], *matched[:SHOWN]]
    return [Beside(f"dropped-{number:02d}", *each) for number, each in enumerate(chosen)]


def still_in(leaks: Leaks) -> list[Beside]:
    """What is still in training, the nearest first."""
    found = sorted((match, side) for side, match in [*leaks.held_out, *leaks.evaluation] if match is not None)
    return [
        Beside(f"leaked-{number:02d}", side, PictureAddress(match.uri, match.pair_id), WORDS[match.kind])
        for number, (match, side) in enumerate(found[:SHOWN])
    ]


def _read(parts: Sequence[Wanted]) -> dict[Place, SmallPicture]:
    return read_pictures(SIDE_PX, parts)


def _of_evaluation_set(place: EvaluationSet | None, name: str) -> bytes | None:
    """A picture of the evaluation set by its name: see `EvaluationImage`."""
    if place is None:
        return None
    file = next((file for file in place.files if name == file or name.startswith(f"{file}#")), None)
    found = encoded_images(place.root, file) if file is not None else iter(())
    return next((image for each, image in found if each == name), None)


def pictures(shown: Sequence[Beside]) -> Pictures | None:
    return Pictures(prompts=tuple(each.picks() for each in shown)) if shown else None


def stored_pictures(leaks: Leaks, settings: Settings) -> pa.Table:
    """The pictures shown, small: a table of `PICTURES`. One that cannot be read any more is left out."""
    shown = [*kept_out(leaks), *still_in(leaks)]
    sides = {f"{each.name}-{which}": getattr(each, which) for each in shown for which in ("judged", "copy")}
    packed = [(side.uri, side.pair_id) for side in sides.values() if side.uri]
    parts = map_shards(_read, [[each] for each in wanted_of(packed)], settings)
    found = {place: picture for part in parts for place, picture in part.items()}
    rows = []
    for name, side in sides.items():
        if side.uri:
            picture = found.get((side.uri, side.pair_id))
        else:
            picture = small_picture(_of_evaluation_set(leaks.evaluation_set, side.pair_id), SIDE_PX)
        if picture is not None:
            rows.append({"name": name, "image": picture.png})
    return pa.Table.from_pylist(rows, PICTURES)
