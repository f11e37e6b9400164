"""What captions tell of the pictures of a corpus, where they are captions of compositions."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tasks.compositions.scene import Scene
from tasks.compositions.wording import read, things_in

MIN_PICTURES = 2  # of a thing, for it to be learned


@dataclass(frozen=True)
class Told:
    """What is known of pictures by their captions alone.

    Attributes:
        things: the names of things that enough pictures show.
        scenes: by the address of a picture, all that its captions say together; only of pictures of which that is
            everything: the ground, and of two things how they lie.
    """

    things: tuple[str, ...]
    scenes: dict[str, Scene]


def told(captions: Iterable[tuple[str, str]]) -> Told:
    """Joins what the captions say.

    Args:
        captions: pairs of a picture's address and one of its captions.
    """
    by_url: dict[str, list[str]] = defaultdict(list)
    for url, caption in captions:
        by_url[url].append(caption)
    names = things_in(caption for own in by_url.values() for caption in own)
    joined = {url: joined_scene([scene for c in own if (scene := read(c, names))]) for url, own in by_url.items()}
    scenes = {url: scene for url, scene in joined.items() if scene is not None}
    shown = Counter(thing for scene in scenes.values() for thing in scene.things)
    things = tuple(sorted(thing for thing, count in shown.items() if count >= MIN_PICTURES))
    return Told(things, {url: scene for url, scene in scenes.items() if set(scene.things) <= set(things)})


def joined_scene(said: Sequence[Scene]) -> Scene | None:
    """All that several captions of one picture say together; None if they contradict, or do not say everything."""
    if not said:
        return None
    related = [scene for scene in said if scene.relation is not None]
    first = (related or said)[0]
    colours = {scene.colour for scene in said} - {None}
    patterns = {scene.pattern for scene in said} - {None}
    same = {(frozenset(scene.things), scene.count, scene.size) for scene in said}
    places = {(scene.things, scene.relation) for scene in related}
    if len(same) > 1 or len(colours) != 1 or len(patterns) > 1 or len(places) > 1:
        return None
    if len(first.things) == 2 and first.relation is None:
        return None
    return replace(first, colour=colours.pop(), pattern=patterns.pop() if patterns else "plain")
