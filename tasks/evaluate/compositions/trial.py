"""The trial of the judge: what it reads from pictures of which it is known what they show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tasks import schemas
from tasks.compositions.scene import Scene
from tasks.compositions.wording import read
from tasks.engine.shards import map_shards
from tasks.evaluate.compositions.learning import LearnedCompositions
from tasks.evaluate.compositions.reader import SIDE_PX, Pixels
from tasks.settings import Settings

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
        found_by_words: by prompt, whether the training picture with the most similar caption is what was asked for.
        new_prompts: those with a thing that no training picture shows.
        known_prompts: those that a training picture is right for.
    """

    originals: Sequence[Reading]
    rebuilt: Sequence[Reading]
    blobs: Sequence[bool]
    found_by_words: Mapping[str, bool]
    new_prompts: frozenset[str]
    known_prompts: frozenset[str]


def try_judge(
    known: LearnedCompositions,
    held_out: Sequence[str],
    reconstructions: Sequence[str],
    found_by_words: Mapping[str, str],
    settings: Settings,
) -> JudgeTrial:
    """Lets the judge read held-out pictures.

    Args:
        held_out, reconstructions: shards of pairs, and of rebuilt ones.
        found_by_words: by prompt, the training pair whose caption is most similar.
    """
    readings = partial(read_shards, known, settings=settings)
    asked = {prompt: scene for prompt in found_by_words if (scene := read(prompt, known.judge.things))}
    blurred, mixed = (readings(held_out, "image", spoil) for spoil in (_blurred, _mixed))
    return JudgeTrial(
        originals=readings(held_out, "image"),
        rebuilt=readings(reconstructions, "reconstruction"),
        blobs=[reading.is_right for reading in (*blurred, *mixed)],
        found_by_words={
            prompt: (shown := known.scene_of(found_by_words[prompt])) is not None and scene.agrees(shown)
            for prompt, scene in asked.items()
        },
        new_prompts=frozenset(p for p, scene in asked.items() if known.new_things.intersection(scene.things)),
        known_prompts=frozenset(p for p, scene in asked.items() if any(map(scene.agrees, known.trained))),
    )


def read_shards(
    known: LearnedCompositions,
    uris: Sequence[str],
    column: str,
    change: Callable[[Pixels], Pixels] | None = None,
    *,
    settings: Settings,
) -> list[Reading]:
    """Readings of the pictures in a column that test the judge, each once."""
    parts = map_shards(partial(read_shard, known, column, change), uris, settings)
    return list({url: reading for part in parts for url, reading in part}.values())


def read_shard(
    known: LearnedCompositions, column: str, change: Callable[[Pixels], Pixels] | None, uri: str
) -> Iterable[tuple[str, Reading]]:
    """The readings of one shard, with the addresses of the pictures. Runs in a Dask worker."""
    from models.training.images import centre_crop, decode

    table = schemas.read_table(uri, ["pair_id", column])
    pair_ids = table["pair_id"].to_pylist()
    places = known.tests(pair_ids)
    if not places:
        return []
    pictures = np.stack([centre_crop(decode(table[column][place].as_py()), SIDE_PX) for place in places])
    shown = known.judge.read(pictures if change is None else change(pictures))
    urls = [known.urls[pair_ids[place]] for place in places]
    return [(url, Reading(known.scenes[url], scene)) for url, scene in zip(urls, shown, strict=True)]


def _blurred(pictures: Pixels) -> Pixels:
    import cv2

    return np.stack([cv2.GaussianBlur(picture, (0, 0), BLOB_BLUR_PX) for picture in pictures])


def _mixed(pictures: Pixels) -> Pixels:
    """Each picture mixed with the next: the mean of both."""
    return ((pictures.astype(np.uint16) + np.roll(pictures, 1, 0)) // 2).astype(np.uint8)
