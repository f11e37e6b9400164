"""What the judge says of a picture, as it is stored beside it and written below it."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tasks.compositions.scene import Scene
from tasks.compositions.wording import plural, read
from tasks.evaluate.compositions.reader import UNCLEAR, CompositionJudge, Pixels

# None throughout where the prompt tells of no composition, or there is no judge.
VERDICT = (
    pa.field("read", pa.string()),  # what the picture shows, in words
    pa.field("asked", pa.list_(pa.string())),  # the skills that the prompt tests
    pa.field("wrong", pa.list_(pa.string())),  # those of them that the picture fails; none: it is right
)
NO_VERDICT: dict[str, Any] = {field.name: None for field in VERDICT}
NUMBERS = {2: "two", 3: "three"}


def verdicts(judge: CompositionJudge, prompts: Sequence[str], pictures: Sequence[Pixels]) -> list[dict[str, Any]]:
    """One verdict for each prompt and its picture."""
    said = [read(prompt, judge.things) for prompt in prompts]
    places = [place for place, scene in enumerate(said) if scene is not None]
    shown = dict(zip(places, judge.read([pictures[place] for place in places]), strict=True))
    return [NO_VERDICT if scene is None else verdict(scene, shown[place]) for place, scene in enumerate(said)]


def verdict(said: Scene, shown: Scene) -> dict[str, Any]:
    """The columns of `VERDICT`."""
    right = said.compared(shown)
    return {"read": in_words(shown), "asked": [*right], "wrong": [skill for skill, is_so in right.items() if not is_so]}


def in_words(shown: Scene) -> str:
    """What a picture shows: "two lemons on blue", "tiger left of taxi on pink stripes"."""
    first = plural(shown.things[0]) if shown.count > 1 else shown.things[0]
    number = f"{NUMBERS[shown.count]} " if shown.count > 1 else ""
    size = f"{shown.size} " if shown.size and shown.things[0] != UNCLEAR else ""
    others = f" {shown.relation or 'and'} {shown.things[1]}" if len(shown.things) > 1 else ""
    pattern = f" {shown.pattern}" if shown.pattern not in (None, "plain") else ""
    return f"{number}{size}{first}{others} on {shown.colour or 'an unclear ground'}{pattern}"
