"""What the second CLIP sees in the sets that are compared: what CMMD is computed from (Jayasumana et al. 2024)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.processor import torch_threads
from tasks import schemas
from tasks.checkpoints import ranker_of, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.shards import map_shards
from tasks.evaluate.picture_sets.choice import Chosen, in_places, parts_by_shard
from tasks.evaluate.picture_sets.features import SHARP, PictureSet, PictureSets
from tasks.settings import Settings

PICTURES_AT_ONCE = 32  # of a task, so that workers share what lies in one shard


@dataclass(frozen=True)
class ClipSets:
    """First drawn samples of held-out captions, and held-out pictures, as unit vectors of the CLIP `model`."""

    model: str
    drawn: PictureSet
    held_out: PictureSet


def see_by_clip(clip: Artifact, sets: PictureSets, settings: Settings) -> ClipSets | None:
    """Lets the second CLIP look at the pictures of both sets, as large as the samples; None where one is empty."""
    drawn, held_out = (each.pictures for each in sets.blurred[SHARP])
    if not (drawn and held_out):
        return None
    every = [*drawn, *held_out]
    parts = parts_by_shard([one.uri for one in every], PICTURES_AT_ONCE)
    work = [[every[place] for place in part] for part in parts]
    seen = map_shards(partial(vectors_of, clip, sets.side_px, settings), work, settings, afterwards=release_models)
    vectors = in_places(parts, seen)
    no_classes = np.empty((len(every), 0), np.float32)
    both = PictureSet((*drawn, *held_out), vectors, no_classes)
    places = range(len(every))
    return ClipSets(clip.manifest().metrics["model"], both.take(places[: len(drawn)]), both.take(places[len(drawn) :]))


def vectors_of(clip: Artifact, side_px: int, settings: Settings, chosen: Sequence[Chosen]) -> NDArray[np.float32]:
    """Unit vectors [n, P] of pictures in one shard. Runs in a Dask worker."""
    from models.clip.model import image_vectors
    from models.training.images import centre_crop, decode

    images = schemas.read_table(chosen[0].uri, ["image"])["image"]
    pictures = np.stack([centre_crop(decode(images[one.row].as_py()), side_px) for one in chosen])
    with torch_threads(1):  # the order of torch's sums depends on its threads
        return image_vectors(ranker_of(clip, settings), pictures)
