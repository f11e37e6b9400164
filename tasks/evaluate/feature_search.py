"""The nearest training picture in the features of EfficientNet-Lite0: of samples, and of held-out pictures, rebuilt.

Pictures are looked at with 64 pixels, where the network takes a tenth of the time that its usual 224 take. It looks at
no more training pictures than `evaluate.searched_pictures`, of which those that are nearest by pixels, and those whose
captions the samples were drawn for, are the first.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.processor import torch_threads
from tasks import schemas
from tasks.checkpoints import device, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.shards import map_shards
from tasks.evaluate.config import Config
from tasks.evaluate.picture_sets.choice import choose_pictures, in_places, parts_by_shard
from tasks.settings import Settings

if TYPE_CHECKING:
    from models.features.efficientnet import EfficientNetLite0

SIDE_PX = 64
PICTURES_AT_ONCE = 64  # of a task, so that workers share what lies in one shard
DIGITS = 6  # of distances of float32 features; beyond them equal runs on other machines differ
Row = Mapping[str, Any]
Place = tuple[str, int]  # a shard and a row in it


@dataclass(frozen=True)
class FeatureDistances:
    """Cosine distances to the nearest training picture.

    Attributes:
        searched: training pictures that were looked at.
        samples: of the best samples, by group.
        rebuilt: of held-out pictures, rebuilt from their codes.
    """

    searched: int
    samples: dict[str, list[float]]
    rebuilt: list[float]


def search_by_features(
    config: Config,
    pairs: Artifact,
    scores: Artifact,
    judged: Sequence[Row],
    rebuilt: Sequence[str],
    rebuilt_rows: Sequence[Row],
    settings: Settings,
) -> FeatureDistances | None:
    """Searches the training pictures; None where nothing was drawn or rebuilt, or no picture is to be looked at.

    Args:
        judged: rows of `judge.JUDGED`.
        rebuilt: shards of reconstructions.
        rebuilt_rows: theirs, with `rebuilt_nearest_pair_id`.
    """
    best = {row["prompt_id"]: row for row in judged if row["rank"] == 0}
    samples = _places_of_best(scores.files("scores"))[: config.set_pictures]
    unseen = _places(rebuilt)[: config.set_pictures]
    if not (samples and unseen and config.searched_pictures):
        return None
    near = {best[prompt]["nearest_pair_id"] for prompt, _ in samples}
    near |= {row["rebuilt_nearest_pair_id"] for row in rebuilt_rows[: len(unseen)]}
    asked_for = {best[prompt]["pair_id"] for prompt, _ in samples if best[prompt]["group"] == "train"}
    corpus = choose_pictures(pairs, "train", config.searched_pictures, frozenset(near | asked_for), settings)
    of_corpus = see_pictures_at("image", [(one.uri, one.row) for one in corpus], settings)
    distances: dict[str, list[float]] = defaultdict(list)
    found = nearest_distances(see_pictures_at("image", [place for _, place in samples], settings), of_corpus)
    for (prompt, _), distance in zip(samples, found.tolist(), strict=True):
        distances[best[prompt]["group"]].append(distance)
    of_rebuilt = nearest_distances(see_pictures_at("reconstruction", unseen, settings), of_corpus)
    return FeatureDistances(len(corpus), dict(distances), of_rebuilt.tolist())


def nearest_distances(queries: NDArray[np.float32], corpus: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine distance of each unit vector to the nearest of the corpus: float64 [n]."""
    return np.maximum(1.0 - (queries.astype(np.float64) @ corpus.astype(np.float64).T).max(1), 0.0).round(DIGITS)


def _places_of_best(uris: Sequence[str]) -> list[tuple[int, Place]]:
    """The best sample of each prompt, by prompt."""
    found = []
    for uri in uris:
        table = schemas.read_table(uri, ["prompt_id", "rank"]).to_pydict()
        ranked = enumerate(zip(table["prompt_id"], table["rank"], strict=True))
        found += [(prompt, (uri, row)) for row, (prompt, rank) in ranked if rank == 0]
    return sorted(found)


def _places(uris: Sequence[str]) -> list[Place]:
    return [(uri, row) for uri in uris for row in range(schemas.read_table(uri, ["pair_id"]).num_rows)]


def see_pictures_at(column: str, places: Sequence[Place], settings: Settings) -> NDArray[np.float32]:
    """Unit vectors of pictures in a column of shards: float32 [n, 1280], in the order of the places."""
    parts = parts_by_shard([uri for uri, _ in places], PICTURES_AT_ONCE)
    work = [(places[part[0]][0], tuple(places[place][1] for place in part)) for part in parts]
    seen = map_shards(partial(see_rows, column), work, settings, afterwards=_release_network)
    return in_places(parts, seen)


def see_rows(column: str, work: tuple[str, tuple[int, ...]]) -> NDArray[np.float32]:
    """Unit vectors of the pictures in some rows of a shard: float32 [n, 1280]. Runs in a Dask worker."""
    from models.training.images import centre_crop, decode

    uri, rows = work
    images = schemas.read_table(uri, [column])[column]
    pictures = np.stack([centre_crop(decode(images[row].as_py()), SIDE_PX) for row in rows])
    with torch_threads(1):  # the order of torch's sums depends on its threads
        features = _network().features(pictures)
    unit: NDArray[np.float32] = features / np.linalg.norm(features, axis=1, keepdims=True)
    return unit


@lru_cache(maxsize=1)
def _network() -> "EfficientNetLite0":
    """The packaged network, loaded once per process."""
    from models.features.efficientnet import EfficientNetLite0

    return EfficientNetLite0(device(), SIDE_PX)


def _release_network() -> None:
    """Frees the network that this process keeps."""
    _network.cache_clear()
    release_models()
