"""Searches the training pictures by the ranker: what its choice alone would give, with nothing drawn."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from tasks import schemas
from tasks.checkpoints import ranker_of, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.shards import map_shards
from tasks.evaluate.compositions.learning import LearnedCompositions
from tasks.evaluate.compositions.reader import SIDE_PX
from tasks.settings import Settings

SCORED_AT_ONCE = 256  # bounds the pictures in memory

Match = tuple[float, str]  # cosine, and a pair of the picture


def search_by_ranker(
    known: LearnedCompositions, ranker: Artifact, uris: Sequence[str], prompts: Sequence[str], settings: Settings
) -> dict[str, str]:
    """By prompt, the pair whose picture the ranker scores highest, among pictures of which it is known what they show.

    Args:
        uris: shards of training pairs.
    """
    work = partial(best_in_shard, known, ranker, prompts, settings)
    parts = map_shards(work, uris, settings, afterwards=release_models)
    found = zip(*filter(None, parts), strict=True)
    return {prompt: max(matches)[1] for prompt, matches in zip(prompts, found, strict=False)}


def best_in_shard(
    known: LearnedCompositions, ranker: Artifact, prompts: Sequence[str], settings: Settings, uri: str
) -> list[Match]:
    """The best match of each prompt in one shard; empty where the shard has no such picture. Runs in a Dask worker."""
    from models.clip.model import similarities
    from models.training.images import centre_crop, decode

    table = schemas.read_table(uri, ["pair_id", "image"])
    pair_ids = table["pair_id"].to_pylist()
    places = [*{known.urls[each]: place for place, each in enumerate(pair_ids) if each in known.urls}.values()]
    best: list[Match] = []
    for start in range(0, len(places), SCORED_AT_ONCE):
        chosen = places[start : start + SCORED_AT_ONCE]
        pictures = np.stack([centre_crop(decode(table["image"][place].as_py()), SIDE_PX) for place in chosen])
        scores = similarities(ranker_of(ranker, settings), pictures, prompts)
        own = [(float(scores[i, p]), pair_ids[chosen[i]]) for p, i in enumerate(scores.argmax(0))]
        best = [max(pair) for pair in zip(best, own, strict=True)] if best else own
    return best
