"""Fits the judge of composed pictures to a corpus's pictures and captions, where the corpus shows compositions."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.judge.config import JudgeTrainingConfig
from models.processor import torch_threads
from tasks import schemas
from tasks.compositions.scene import Scene
from tasks.engine.artifact import Artifact
from tasks.evaluate.compositions.reader import SIDE_PX, CompositionJudge, fit_judge
from tasks.evaluate.compositions.told import Told, told

MAX_CAPTIONS = 60_000  # read of a split, and
MAX_PICTURES = 6_000  # fitted to: more of them make the judge no better
_FIT_THREADS = 2  # more make it hardly faster
MIN_SHARE = 0.1  # of the pictures, whose captions tell of a composition; else the corpus shows something else


@dataclass(frozen=True)
class LearnedCompositions:
    """The judge of a corpus, and what is known of the corpus's pictures.

    Attributes:
        scenes: what a picture shows, by its address.
        urls: the address of each pair's picture, as far as its scene is known.
        fitted: addresses of the pictures that the judge was fitted to.
        trained: all scenes that training pictures show.
        new_things: things that no training picture shows.
    """

    judge: CompositionJudge
    scenes: Mapping[str, Scene]
    urls: Mapping[str, str]
    fitted: frozenset[str]
    trained: frozenset[Scene]
    new_things: frozenset[str]

    def scene_of(self, pair_id: str) -> Scene | None:
        """What the picture of a pair shows."""
        return self.scenes.get(self.urls.get(pair_id, ""))

    def tests(self, pair_ids: Iterable[str]) -> list[int]:
        """Of pairs in some order, the places of those that test the judge: one of each picture it was not fitted to."""
        found: dict[str, int] = {}
        for place, pair_id in enumerate(pair_ids):
            url = self.urls.get(pair_id)
            if url is not None and url not in self.fitted:
                found.setdefault(url, place)
        return list(found.values())


@lru_cache(maxsize=1)
def learn_compositions(pairs: Artifact, config: JudgeTrainingConfig) -> LearnedCompositions | None:
    """A judge for the corpus; None where few of its captions tell of compositions, of too few things or grounds.

    It is made once a process for one corpus: an ablation evaluates many models on it, and the fit is most of the time.
    """
    train, val = (_rows(pairs.files(split)) for split in ("train", "val"))
    known = told((url, caption) for _, url, caption in (*train, *val))
    train_urls, val_urls = ({url for _, url, _ in rows} for rows in (train, val))
    enough = len(known.scenes) >= MIN_SHARE * len(train_urls | val_urls) and len(known.things) >= 2
    if not enough or all(scene.pattern != "plain" for scene in known.scenes.values()):
        return None
    shown = {url: scene for url, scene in known.scenes.items() if url in train_urls}
    chosen = dict(sorted(shown.items(), key=lambda item: _hash(item[0]))[:MAX_PICTURES])
    familiar = {thing for scene in shown.values() for thing in scene.things}
    new_things = frozenset(known.things) - familiar
    chosen |= _half_of_new(known, new_things)
    judge = fit_to_shards((*pairs.files("train"), *pairs.files("val")), chosen, known.things, config)
    urls = {pair_id: url for pair_id, url, _ in (*train, *val) if url in known.scenes}
    return LearnedCompositions(judge, known.scenes, urls, frozenset(chosen), frozenset(shown.values()), new_things)


def fit_to_shards(
    uris: Iterable[str], scenes: Mapping[str, Scene], things: Sequence[str], config: JudgeTrainingConfig
) -> CompositionJudge:
    """The judge of pictures in shards, by their addresses.

    Its threads are always as many, so that equal runs give equal judges.
    It is made in the stage's own process: a Dask worker gives memory back at each step, which takes twice the time.
    """
    from models.training.images import centre_crop, decode

    found: dict[str, np.ndarray] = {}
    for uri in uris:
        if len(found) == len(scenes):
            break
        table = schemas.read_table(uri, ["url", "image"])
        for url, image in zip(table["url"].to_pylist(), table["image"], strict=True):
            if url in scenes and url not in found:
                found[url] = centre_crop(decode(image.as_py()), SIDE_PX)
    order = sorted(found, key=_hash)
    with torch_threads(_FIT_THREADS):
        pictures = np.stack([found[url] for url in order])
        return fit_judge(pictures, [scenes[url] for url in order], things, config)


def _rows(uris: Iterable[str]) -> list[tuple[str, str, str]]:
    """Pair, address and caption of the first rows of a split; ids are hashes, so these are as good as random."""
    rows: list[tuple[str, str, str]] = []
    for uri in uris:
        table = schemas.read_table(uri, ["pair_id", "url", "caption"])
        rows += zip(*(table[name].to_pylist() for name in ("pair_id", "url", "caption")), strict=True)
        if len(rows) >= MAX_CAPTIONS:
            break
    return rows[:MAX_CAPTIONS]


def _half_of_new(known: Told, new_things: frozenset[str]) -> dict[str, Scene]:
    """Every other picture of each thing that only held-out pictures show: without them the judge would not know it."""
    seen: dict[str, int] = {}
    chosen: dict[str, Scene] = {}
    for url in sorted(known.scenes, key=_hash):
        new = new_things.intersection(known.scenes[url].things)
        if any(seen.get(thing, 0) % 2 == 0 for thing in new):
            chosen[url] = known.scenes[url]
        seen |= {thing: seen.get(thing, 0) + 1 for thing in new}
    return chosen


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
