"""A corpus of composed pictures with captions, split so that whole combinations are held out."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from tasks.compositions.config import CompositionsConfig
from tasks.compositions.grounds import COLOURS, FAMILIAR_COLOURS
from tasks.compositions.pool import FAMILIAR_THINGS, THINGS, drawn, shuffled
from tasks.compositions.rendering import Renderer, encoded, pictures
from tasks.compositions.scene import PATTERNS, Relation, Scene, Size
from tasks.compositions.wording import wordings

Split = Literal["train", "validation"]
Combination = tuple[str, ...]  # the family, and the parts that occur together

MIN_WORDS = 3  # of a caption, as the pipeline's screening of captions wants
NEAR = 70  # a pixel nearer to its ground, in RGB, is lost on it
MIN_VISIBLE = 0.5  # share of a thing's pixels that must not be lost on its ground
SIZES: tuple[Size, ...] = ("small", "large")
RELATIONS: tuple[Relation, ...] = ("left of", "above")


@dataclass(frozen=True)
class Composition:
    """One picture of a corpus: what it shows, how that is said, and whether it is held out."""

    number: int
    scene: Scene
    captions: tuple[str, ...]
    split: Split

    @property
    def name(self) -> str:
        """For files and URLs, unique in its corpus."""
        parts = (*self.scene.things, self.scene.colour or "")
        return f"{self.number:04}-{re.sub('[^a-z]+', '-', ' '.join(parts))}"


def combinations(scene: Scene) -> frozenset[Combination]:
    """The combinations of parts that a picture of the scene shows, any of which may be held out."""
    found: set[Combination] = {("thing", thing) for thing in scene.things}
    found |= {("colour", thing, scene.colour or "") for thing in scene.things}
    if len(scene.things) == 2:
        found.add(("pair", *scene.things))
    if scene.count > 1:
        found.add(("count", scene.things[0], str(scene.count)))
    if scene.size is not None:
        found.add(("size", scene.things[0], scene.size))
    if scene.pattern not in (None, "plain"):
        found.add(("pattern", scene.things[0], str(scene.pattern)))
    return frozenset(found)


class Corpus:
    """The corpus of a config: the same on every machine.

    Attributes:
        things: names of those that are learned.
        unseen: names of those of which all pictures are held out.
        colours: names of the colours of the grounds.
        renderer: draws any scene of all these.
    """

    def __init__(self, config: CompositionsConfig, archive: Path) -> None:
        """`archive`: the zip of pictures of things.

        Raises:
            SourceError: the archive lacks a thing of the pool.
        """
        self.config = config
        names = drawn(THINGS, config.things + config.unseen_things, config.seed, FAMILIAR_THINGS)
        self.unseen = tuple(shuffled(names, f"{config.seed} unseen")[: config.unseen_things])
        self.things = tuple(name for name in names if name not in self.unseen)
        self.colours = (
            config.colours
            if isinstance(config.colours, tuple)
            else drawn(tuple(COLOURS), config.colours, config.seed, FAMILIAR_COLOURS)
        )
        self.renderer = Renderer(pictures(archive, names))
        self._visible = {
            (name, colour): _visible_share(self.renderer.things[name], colour)
            for name, colour in product(names, self.colours)
        }

    def picture(self, composition: Composition) -> bytes:
        """A picture of the corpus, encoded."""
        return encoded(self.renderer.draw(composition.scene))

    @cached_property
    def held_out(self) -> frozenset[Combination]:
        """The combinations that no training picture shows."""
        share, seed = self.config.held_out, self.config.seed
        plain = {thing: self.visible_colours((thing,), ()) for thing in self.things}
        held: set[Combination] = {("thing", thing) for thing in self.unseen}
        held |= _held("colour", plain, share, seed)
        for family, parts in (("count", ("2", "3")), ("size", SIZES), ("pattern", PATTERNS[1:])):
            held |= _held(family, dict.fromkeys(self.things, parts), share, seed)
        pairs = shuffled(self.pairs, f"{seed} held pairs")
        return frozenset(held | {("pair", *pair) for pair in pairs[: round(share * len(pairs))]})

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The ordered pairs of things that are drawn."""
        return tuple(shuffled(permutations(self.things, 2), f"{self.config.seed} pairs")[: self.config.pairs])

    @cached_property
    def compositions(self) -> tuple[Composition, ...]:
        """All pictures, in an order without pattern."""
        scenes = shuffled(self._scenes(), f"{self.config.seed} order")
        return tuple(self._composition(number, scene) for number, scene in enumerate(scenes))

    def visible_colours(self, things: Sequence[str], held: Iterable[Combination]) -> tuple[str, ...]:
        """The colours that all these things can be seen on, or the best one, without those held out for one of them."""
        allowed = [c for c in self.colours if not any(("colour", thing, c) in held for thing in things)]
        seen = {colour: min(self._visible[thing, colour] for thing in things) for colour in allowed}
        return tuple(c for c in allowed if seen[c] >= MIN_VISIBLE) or (max(allowed, key=lambda c: seen[c]),)

    def _scenes(self) -> Iterator[Scene]:
        config = self.config
        for thing in self.things:
            for colour in self.visible_colours((thing,), ()):
                yield Scene((thing,), colour=colour, pattern="plain")
            for pattern in PATTERNS[1:]:
                for colour in self._some((thing,), pattern, config.per_pattern):
                    yield Scene((thing,), colour=colour, pattern=pattern)
            for size in SIZES:
                for colour in self._some((thing,), size, config.per_size):
                    yield Scene((thing,), size=size, colour=colour, pattern="plain")
            for count in (2, 3):
                for colour in self._some((thing,), str(count), config.per_count):
                    yield Scene((thing,), count=count, colour=colour, pattern="plain")
        for number, pair in enumerate(self.pairs):
            for place, colour in enumerate(self._some(pair, "pair", config.per_pair)):
                yield Scene(pair, RELATIONS[(number + place) % 2], colour=colour, pattern="plain")
        for thing in self.unseen:
            for colour in self._some((thing,), "unseen", config.per_unseen_thing):
                yield Scene((thing,), colour=colour, pattern="plain")

    def _some(self, things: Sequence[str], kind: str, count: int) -> list[str]:
        """Colours for so many pictures, which hold out no further combination; fewer where there are not so many."""
        return shuffled(self.visible_colours(things, self.held_out), f"{self.config.seed} {kind} {things}")[:count]

    def _composition(self, number: int, scene: Scene) -> Composition:
        held = bool(combinations(scene) & self.held_out)
        captions = _chosen(scene, self.config.captions, held, f"{self.config.seed} {number}")
        return Composition(number, scene, captions, "validation" if held else "train")


def _held(family: str, parts: Mapping[str, Sequence[str]], share: float, seed: int) -> set[Combination]:
    """A share of the combinations of things with their parts: spread evenly over both, and never all of a thing's."""
    held: set[Combination] = set()
    of_part: Counter[str] = Counter()
    wanted = round(share * sum(map(len, parts.values())))
    order = shuffled(parts, f"{seed} {family}")
    for thing in order * wanted:
        if len(held) == wanted:
            break
        free = [part for part in shuffled(parts[thing], f"{seed} {thing}") if (family, thing, part) not in held]
        if len(free) > max(1, len(parts[thing]) // 2):
            part = min(free, key=lambda part: of_part[part])
            held.add((family, thing, part))
            of_part[part] += 1
    return held


def _chosen(scene: Scene, count: int, whole: bool, key: str) -> tuple[str, ...]:
    """Some wordings: the first says all that is shown, the others may be short, unless all are to say the whole."""
    said = {words: what for words, what in wordings(scene).items() if len(words.split()) >= MIN_WORDS}
    order = shuffled(said, key)
    first = [words for words in order if _says_all(said[words])]
    rest = first[1:] if whole else [words for words in order if words != first[0]]
    return (first[0], *rest[: count - 1])


def _says_all(said: Scene) -> bool:
    """Whether a wording says the ground, and of two things how they lie; count and size are in every wording."""
    return said.colour is not None and (len(said.things) == 1 or said.relation is not None)


def _visible_share(thing: Image.Image, colour: str) -> float:
    """Share of a thing's pixels that are not lost on a ground of the colour."""
    pixels = np.asarray(thing, np.float64)
    solid = pixels[pixels[..., 3] > 128][:, :3]
    return float((np.linalg.norm(solid - np.array(COLOURS[colour]), axis=1) > NEAR).mean())
