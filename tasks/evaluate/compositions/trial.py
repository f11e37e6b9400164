"""The trial of the judge: what it reads from pictures of which it is known what they show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tasks import schemas
from tasks.compositions.scene import Scene, Skill
from tasks.compositions.wording import read
from tasks.engine.shards import map_shards
from tasks.evaluate.compositions.learning import LearnedCompositions
from tasks.evaluate.compositions.reader import SIDE_PX, Pixels
from tasks.settings import Settings

Change = Callable[[Pixels], Pixels]
Found = Mapping[str, Mapping[Skill, bool]]  # by prompt, which of the skills that it tests a found picture has right

BLOB_BLUR_PX = 8.0  # of pictures of 96 px: nothing is to be recognised after it


@dataclass(frozen=True)
class Reading:
    """A picture with what it shows, and what the judge read from it."""

    true: Scene
    shown: Scene

    @property
    def is_right(self) -> bool:
        return self.true.agrees(self.shown)


@dataclass(frozen=True)
class JudgeTrial:
    """What tells how far the judge is to be believed, and what its figures are to be compared with.

    Attributes:
        originals: held-out pictures it was not fitted to, each once.
        rebuilt: the same out of the image tokenizer, as far as they were rebuilt; empty without one.
        blobs: of such pictures, spoiled so that nothing is to be recognised, whether each is called right.
        found_by_words: what the training picture with the most similar caption has right.
        found_by_ranker: what the training picture that the ranker scores highest has right; empty without a ranker.
        new_prompts: those with a thing that no training picture shows.
        known_prompts: those that a training picture is right for.
        own_pictures: what the judge reads right from a prompt's own held-out picture, where it was not fitted to it.
        own_rebuilt: the same after that picture went through the image tokenizer; empty without one.
    """

    originals: Sequence[Reading]
    rebuilt: Sequence[Reading]
    blobs: Sequence[bool]
    found_by_words: Found
    found_by_ranker: Found
    new_prompts: frozenset[str]
    known_prompts: frozenset[str]
    own_pictures: Found = field(default_factory=dict)
    own_rebuilt: Found = field(default_factory=dict)


def try_judge(
    known: LearnedCompositions,
    held_out: Sequence[str],
    reconstructions: Sequence[str],
    found_by_words: Mapping[str, str],
    found_by_ranker: Mapping[str, str],
    settings: Settings,
    own: Mapping[str, str] | None = None,
) -> JudgeTrial:
    """Lets the judge read held-out pictures.

    Args:
        held_out, reconstructions: shards of pairs, and of rebuilt ones.
        found_by_words: by prompt, the training pair whose caption is most similar.
        found_by_ranker: by prompt, the training pair whose picture the ranker scores highest; empty without a ranker.
        own: by prompt, the pair it is the caption of.
    """
    asked = {prompt: scene for prompt in found_by_words if (scene := read(prompt, known.judge.things))}
    originals = read_shards(known, held_out, "image", (_unchanged, _blurred, _mixed), settings)
    rebuilt = read_shards(known, reconstructions, "reconstruction", (_unchanged,), settings)
    return JudgeTrial(
        originals=[original for original, *_ in originals.values()],
        rebuilt=[reading for (reading,) in rebuilt.values()],
        blobs=[reading.is_right for _, *spoiled in originals.values() for reading in spoiled],
        found_by_words=_compared(known, asked, found_by_words),
        found_by_ranker=_compared(known, asked, found_by_ranker),
        new_prompts=frozenset(p for p, scene in asked.items() if known.new_things.intersection(scene.things)),
        known_prompts=frozenset(p for p, scene in asked.items() if any(map(scene.agrees, known.trained))),
        own_pictures=_own(known, asked, own or {}, originals),
        own_rebuilt=_own(known, asked, own or {}, rebuilt),
    )


def _own(
    known: LearnedCompositions,
    asked: Mapping[str, Scene],
    own: Mapping[str, str],
    read_of: Mapping[str, tuple[Reading, ...]],
) -> Found:
    """What the first reading of each prompt's own picture has right, where it was read."""
    urls = {prompt: known.urls.get(pair_id, "") for prompt, pair_id in own.items() if prompt in asked}
    return {prompt: asked[prompt].compared(read_of[url][0].shown) for prompt, url in urls.items() if url in read_of}


def _compared(known: LearnedCompositions, asked: Mapping[str, Scene], found: Mapping[str, str]) -> Found:
    """What the picture found for each prompt has right; nothing, where it is not known what it shows."""
    shown = {prompt: known.scene_of(pair_id) for prompt, pair_id in found.items()}
    return {
        prompt: dict.fromkeys(scene.skills, False) if (one := shown[prompt]) is None else scene.compared(one)
        for prompt, scene in asked.items()
        if prompt in shown
    }


def read_shards(
    known: LearnedCompositions,
    uris: Sequence[str],
    column: str,
    changes: Sequence[Change],
    settings: Settings,
) -> dict[str, tuple[Reading, ...]]:
    """Of the pictures in a column that test the judge, by their addresses: the reading after each of the changes."""
    parts = map_shards(partial(read_shard, known, column, changes), uris, settings)
    return {url: readings for part in parts for url, readings in part}


def read_shard(
    known: LearnedCompositions, column: str, changes: Sequence[Change], uri: str
) -> list[tuple[str, tuple[Reading, ...]]]:
    """The readings of one shard, with the addresses of the pictures. Runs in a Dask worker."""
    from models.training.images import centre_crop, decode

    table = schemas.read_table(uri, ["pair_id", column])
    pair_ids = table["pair_id"].to_pylist()
    places = known.tests(pair_ids)
    if not places:
        return []
    pictures = np.stack([centre_crop(decode(table[column][place].as_py()), SIDE_PX) for place in places])
    shown = zip(*(known.judge.read(change(pictures)) for change in changes), strict=True)
    urls = [known.urls[pair_ids[place]] for place in places]
    return [
        (url, tuple(Reading(known.scenes[url], each) for each in own)) for url, own in zip(urls, shown, strict=True)
    ]


def _unchanged(pictures: Pixels) -> Pixels:
    return pictures


def _blurred(pictures: Pixels) -> Pixels:
    import cv2

    return np.stack([cv2.GaussianBlur(picture, (0, 0), BLOB_BLUR_PX) for picture in pictures])


def _mixed(pictures: Pixels) -> Pixels:
    """Each picture mixed with the next: the mean of both."""
    return ((pictures.astype(np.uint16) + np.roll(pictures, 1, 0)) // 2).astype(np.uint8)
