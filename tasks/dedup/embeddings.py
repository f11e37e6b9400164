"""Vectors of images by a CLIP, whose cosine tells pictures of the same thing that are not the same picture.

As SemDeDup (Abbas et al. 2023, arXiv 2303.09540): k-means cuts the set into cells, and images of a cell are compared.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from models.files import CONFIG
from tasks.dedup.cells import Vectors
from tasks.errors import ConfigError
from tasks.train.published_clip import clip_folder, digest_of_clip

CLIP = "dedup.clip"
IMAGES_AT_ONCE = 32  # whose views are in memory together

Embed = Callable[[Sequence[bytes]], Vectors]


def dimension(clip: str) -> int:
    """Of the vectors of a CLIP, by folder or by name on the hub.

    Raises:
        SourceError: there is no such model, or it is none that can be used.
    """
    config = json.loads((clip_folder(clip, CLIP) / CONFIG).read_text(encoding="utf-8"))
    return int(config.get("projection") or config.get("projection_dim") or 512)  # the default of transformers


@lru_cache(maxsize=1)
def embedder(clip: str, digest: str) -> Embed:
    """What makes the vectors of encoded images, loaded once per process.

    Args:
        digest: of the CLIP where the run was started.

    Raises:
        ConfigError: this process has another one.
    """
    from models.clip.model import image_vectors, load_ranker
    from models.training.images import decode
    from tasks.checkpoints import device
    from tasks.screen_images.agreement import square_of

    if digest != digest_of_clip(clip, CLIP):
        raise ConfigError(
            f"This worker has another {clip} than where the run was started: name a folder with the same content on "
            f"all machines, or a model with its revision, in {CLIP}."
        )
    ranker = load_ranker(clip_folder(clip, CLIP), device())

    def embed(images: Sequence[bytes]) -> Vectors:
        found = [np.empty((0, dimension(clip)), np.float32)]
        for start in range(0, len(images), IMAGES_AT_ONCE):
            views = [square_of(decode(image), ranker) for image in images[start : start + IMAGES_AT_ONCE]]
            found.append(image_vectors(ranker, np.stack(views)))
        return np.concatenate(found)

    return embed


def release() -> None:
    """Frees the model that this process keeps."""
    from tasks.checkpoints import release_models

    embedder.cache_clear()
    release_models()
