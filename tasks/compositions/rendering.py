"""Draws composed pictures: things cut from the archive, in fixed places, on a ground."""

import csv
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from PIL import Image

from tasks.compositions.grounds import Picture, ground
from tasks.compositions.pool import ARCHIVE_NAMES
from tasks.compositions.scene import Scene
from tasks.errors import SourceError

SIDE_PX = 144  # crops for training at 96 px are up to 3/2 of that

Layout = Literal["ordinary", "small", "large", "left of", "above", "two", "three"]


@dataclass(frozen=True)
class Slot:
    """Where a thing is: its centre from the left and the top, and its longer side, as shares of the picture's side."""

    x: float
    y: float
    side: float


# Centres lie on a grid of 16 cells, and things that share a picture or are small have one size: so a thing has the same
# codes wherever it lies, and what is learned of it in one picture holds for the others.
SLOTS: Mapping[Layout, tuple[Slot, ...]] = MappingProxyType({
    "ordinary": (Slot(0.50, 0.50, 0.66),),
    "small": (Slot(0.50, 0.50, 0.42),),
    "large": (Slot(0.50, 0.50, 0.92),),
    "left of": (Slot(0.25, 0.50, 0.42), Slot(0.75, 0.50, 0.42)),
    "above": (Slot(0.50, 0.25, 0.42), Slot(0.50, 0.75, 0.42)),
    "two": (Slot(0.25, 0.50, 0.42), Slot(0.75, 0.50, 0.42)),
    "three": (Slot(0.50, 0.25, 0.42), Slot(0.25, 0.75, 0.42), Slot(0.75, 0.75, 0.42)),
})  # fmt: skip


def layout(scene: Scene) -> Layout:
    """The row of `SLOTS` that a picture's things lie in."""
    if scene.count > 1:
        return "two" if scene.count == 2 else "three"
    return scene.relation or scene.size or "ordinary"


@dataclass(frozen=True)
class Renderer:
    """Draws pictures of the things it is given.

    Attributes:
        things: by name, RGBA pictures, cropped to what is not transparent.
        side_px: of the pictures it draws.
    """

    things: Mapping[str, Image.Image]
    side_px: int = SIDE_PX
    _resized: dict[tuple[str, int], Image.Image] = field(default_factory=dict)

    def draw(self, scene: Scene) -> Picture:
        """The picture of the scene, uint8 RGB [side_px, side_px, 3].

        Raises:
            KeyError: a thing or the colour is not known.
            ValueError: the colour is not given, or two things without a relation.
        """
        if len(scene.things) == 2 and scene.relation is None:
            raise ValueError("a picture of two things needs their relation")
        if scene.colour is None:
            raise ValueError("a picture needs the colour of its ground")
        picture = Image.fromarray(ground(scene.colour, scene.pattern or "plain", self.side_px))
        for number, slot in enumerate(SLOTS[layout(scene)]):
            thing = self._sized(scene.things[number % len(scene.things)], slot.side)
            left = slot.x * self.side_px - thing.width / 2
            top = slot.y * self.side_px - thing.height / 2
            picture.paste(thing, (round(left), round(top)), thing)
        return np.asarray(picture)

    def _sized(self, name: str, share: float) -> Image.Image:
        longer_px = round(share * self.side_px)
        if (name, longer_px) not in self._resized:
            thing = self.things[name]
            scale = longer_px / max(thing.size)
            size = (max(1, round(thing.width * scale)), max(1, round(thing.height * scale)))
            # Resized with the alpha multiplied in (RGBa), so that transparent pixels give no fringe of their colour.
            small = thing.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
            self._resized[name, longer_px] = small
        return self._resized[name, longer_px]


def pictures(archive: Path, names: Iterable[str]) -> Mapping[str, Image.Image]:
    """Things of the archive by name, as RGBA pictures cropped to what is visible.

    Raises:
        SourceError: the archive has no such thing.
    """
    found: dict[str, Image.Image] = {}
    with zipfile.ZipFile(archive) as content:
        table = csv.DictReader(StringIO(content.read("metadata.csv").decode()))
        files = {row["name"]: row["file"] for row in table if not row["skin_tone"]}
        for name in names:
            known_as = ARCHIVE_NAMES.get(name, name)
            if known_as not in files:
                raise SourceError(
                    f"{archive} holds no picture of '{known_as}', one of the things that compositions are made of: "
                    "check source.archive, or set source.corpus=emoji."
                )
            found[name] = _cut_out(content.read(f"images/{files[known_as]}"))
    return found


def _cut_out(image: bytes) -> Image.Image:
    """An encoded picture with transparency, as RGBA, cropped to what is visible."""
    picture = Image.open(BytesIO(image)).convert("RGBA")
    return picture.crop(picture.getchannel("A").point(lambda alpha: 255 * (alpha > 8)).getbbox())


def encoded(picture: Picture) -> bytes:
    """A picture as JPEG with all its colours' detail; the compression is not visible, and takes 0.3 ms."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
