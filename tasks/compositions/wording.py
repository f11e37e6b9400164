"""Captions of composed pictures, and what captions say: one table of templates, used both ways."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tasks.compositions.grounds import COLOURS
from tasks.compositions.scene import Pattern, Relation, Scene, Size

VOWELS = "aeiou"
NAME = r"[a-z0-9'-]+(?: [a-z0-9'-]+)*?"  # of a thing that is not known yet
MAX_NAME_WORDS = 4


@dataclass(frozen=True)
class Subject:
    """The first part of a caption, and what it says. `{a_other}` is the second thing; `a_` puts an article before."""

    template: str
    count: int = 1
    size: Size | None = None
    relation: Relation | None = None


SUBJECTS = (
    Subject("{a_thing}"),
    Subject("a picture of {a_thing}"),
    Subject("a small {thing}", size="small"),
    Subject("a tiny {thing}", size="small"),
    Subject("a little {thing}", size="small"),
    Subject("a large {thing}", size="large"),
    Subject("a big {thing}", size="large"),
    Subject("a huge {thing}", size="large"),
    Subject("two {things}", 2),
    Subject("a pair of {things}", 2),
    Subject("a picture of two {things}", 2),
    Subject("three {things}", 3),
    Subject("a group of three {things}", 3),
    Subject("a picture of three {things}", 3),
    Subject("{a_thing} and {a_other}"),
    Subject("{a_other} and {a_thing}"),
    Subject("{a_thing} next to {a_other}"),
    Subject("{a_other} next to {a_thing}"),
    Subject("{a_thing} and {a_other} side by side"),
    Subject("{a_other} and {a_thing} side by side"),
    Subject("{a_thing} to the left of {a_other}", relation="left of"),
    Subject("{a_other} to the right of {a_thing}", relation="left of"),
    Subject("{a_thing} on the left and {a_other} on the right", relation="left of"),
    Subject("{a_other} on the right and {a_thing} on the left", relation="left of"),
    Subject("{a_thing} left of {a_other}", relation="left of"),
    Subject("{a_other} right of {a_thing}", relation="left of"),
    Subject("{a_thing} above {a_other}", relation="above"),
    Subject("{a_other} below {a_thing}", relation="above"),
    Subject("{a_thing} over {a_other}", relation="above"),
    Subject("{a_other} under {a_thing}", relation="above"),
    Subject("{a_thing} on top of {a_other}", relation="above"),
    Subject("{a_thing} at the top and {a_other} at the bottom", relation="above"),
)
# Said of things that are side by side, and of no others.
ONLY_SIDE_BY_SIDE = ("next to", "side by side")

# The end of a caption, by the pattern that it says. Without one, a ground is taken to be plain, but that is not said.
GROUNDS: dict[Pattern | None, tuple[str, ...]] = {
    None: (
        "on {a_colour} background",
        "on {colour}",
        "in front of {a_colour} wall",
        "against {a_colour} background",
    ),
    "plain": ("on a plain {colour} background",),
    "stripes": (
        "on {a_colour} background with white stripes",
        "in front of {colour} stripes",
        "on {colour} and white stripes",
    ),
    "dots": (
        "on {a_colour} background with white dots",
        "on {colour} with white dots",
        "in front of {a_colour} wall with white dots",
    ),
    "checks": (
        "on {a_colour} and white checked background",
        "on {colour} and white checks",
        "in front of {colour} checks",
    ),
}


def plural(name: str) -> str:
    """The regular plural: "slices of pizza", "foxes", "strawberries", "monkeys"."""
    head, of, rest = name.partition(" of ")
    if head.endswith(("s", "x", "z", "ch", "sh")):
        head += "es"
    elif head.endswith("y") and head[-2:-1] not in VOWELS:
        head = head[:-1] + "ies"
    else:
        head += "s"
    return head + of + rest


def with_article(name: str) -> str:
    """The name after "a" or "an"."""
    return f"{'an' if name[0] in VOWELS and not name.startswith(('uni', 'euro', 'one')) else 'a'} {name}"


def captions(scene: Scene) -> tuple[str, ...]:
    """All wordings of what a picture shows; the short ones leave out the ground, some of two things their places."""
    return tuple(wordings(scene))


def wordings(scene: Scene) -> dict[str, Scene]:
    """All wordings of what a picture shows, each with what it says of it."""
    thing, other = scene.things[0], scene.things[-1]
    words = {"thing": thing, "things": plural(thing), "a_thing": with_article(thing), "a_other": with_article(other)}
    grounds = [("", replace(scene, colour=None, pattern=None)), *_grounds(scene)]
    unrelated = [(end, replace(said, relation=None)) for end, said in grounds]
    found: dict[str, Scene] = {}
    for subject in SUBJECTS:
        if _tells(subject, scene):
            start = subject.template.format(**words)
            found |= {start + end: said for end, said in (grounds if subject.relation else unrelated)}
    return found


def _tells(subject: Subject, scene: Scene) -> bool:
    """Whether the subject is true of a picture, and leaves out no size or count."""
    if "{a_other}" not in subject.template:
        return len(scene.things) == 1 and (subject.count, subject.size) == (scene.count, scene.size)
    beside = any(words in subject.template for words in ONLY_SIDE_BY_SIDE)
    return (
        len(scene.things) == 2
        and subject.relation in (None, scene.relation)
        and not (beside and scene.relation == "above")
    )


def _grounds(scene: Scene) -> Iterator[tuple[str, Scene]]:
    """The ends of captions that tell the ground of a picture, after a space, with what they say of it."""
    for pattern, ends in GROUNDS.items():
        if scene.colour is not None and (scene.pattern or "plain") == (pattern or "plain"):
            said = replace(scene, pattern=pattern)
            for end in ends:
                yield " " + end.format(colour=scene.colour, a_colour=with_article(scene.colour)), said


def read(caption: str, things: Iterable[str]) -> Scene | None:
    """What a caption says, given the names of things; None if it says no scene of them. Case and white space are free.

    Two things without a relation are returned in the order of their names, so that equal captions give equal scenes.
    """
    reader = _reader(tuple(sorted(set(things))))
    return next(iter(reader.readings(_normal(caption))), None)


def things_in(captions: Iterable[str]) -> tuple[str, ...]:
    """The names of the things that captions tell of, sorted: found in those that also say a ground.

    A name is the shortest that any template leaves: of "a picture of a small tiger on blue" it is "tiger".
    """
    reader = _reader(None)
    names: set[str] = set()
    for caption in captions:
        scenes = [scene for scene in reader.readings(_normal(caption)) if scene.colour is not None]
        best = min(scenes, key=lambda scene: sum(map(len, scene.things)), default=None)
        if best is not None and best.count == 1:  # the others hold plurals
            names.update(best.things)
    return tuple(sorted(name for name in names if len(name.split()) <= MAX_NAME_WORDS))


def _normal(caption: str) -> str:
    return " ".join(caption.lower().split()).rstrip(". ")


class _CaptionReader:
    """Regular expressions of the templates, for certain things, or, given None, for any name after an article."""

    def __init__(self, things: Sequence[str] | None) -> None:
        self.singular = None if things is None else {plural(thing): thing for thing in things}
        one = NAME if things is None else _any_of(things)
        many = NAME if self.singular is None else _any_of(self.singular)
        words = {name: f"(?P<{name}>{one})" for name in ("thing", "other")}
        fields = words | {f"a_{name}": f"an? {group}" for name, group in words.items()}
        self.subjects = [
            (re.compile(_expression(subject.template, fields | {"things": f"(?P<things>{many})"})), subject)
            for subject in SUBJECTS
        ]

    def readings(self, caption: str) -> Iterator[Scene]:
        """All that the caption may say."""
        for start, colour, pattern in _without_ground(caption):
            for expression, subject in self.subjects:
                if match := expression.fullmatch(start):
                    yield from self._scene(subject, match.groupdict(), colour, pattern)

    def _scene(
        self, subject: Subject, found: dict[str, str], colour: str | None, pattern: Pattern | None
    ) -> Iterator[Scene]:
        thing = found.get("thing") or found["things"]
        if self.singular is not None:
            thing = self.singular.get(thing, thing)
        things = (thing, found["other"]) if "other" in found else (thing,)
        if len(set(things)) == len(things):
            ordered = things if subject.relation else tuple(sorted(things))
            yield Scene(ordered, subject.relation, subject.count, subject.size, colour, pattern)


@lru_cache(maxsize=16)
def _reader(things: tuple[str, ...] | None) -> _CaptionReader:
    return _CaptionReader(things)


def _without_ground(caption: str) -> Iterator[tuple[str, str | None, Pattern | None]]:
    """The caption as it is, and without each ground that it may end in: with that colour and pattern."""
    for expression, pattern in _GROUND_EXPRESSIONS:
        if match := expression.fullmatch(caption):
            yield match["start"], match["colour"], pattern
    yield caption, None, None


def _any_of(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)"


def _expression(template: str, fields: dict[str, str]) -> str:
    """The regular expression of a template, with one for each field in its place."""
    parts = re.split(r"\{(\w+)\}", template)
    return "".join(fields[part] if place % 2 else re.escape(part) for place, part in enumerate(parts))


_COLOUR = f"(?P<colour>{_any_of(COLOURS)})"
_GROUND_EXPRESSIONS = [
    (re.compile(f"(?P<start>.+) {_expression(end, {'colour': _COLOUR, 'a_colour': f'an? {_COLOUR}'})}"), pattern)
    for pattern, ends in GROUNDS.items()
    for end in ends
]
