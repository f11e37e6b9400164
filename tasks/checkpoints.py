"""Trained models out of artifacts, ready to use in this process; each is loaded once per process."""

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.shards import worker_number
from tasks.settings import Settings

if TYPE_CHECKING:
    from models.clip.model import Ranker
    from models.generator import Generator
    from models.tokenizer import ImageTokenizer


def local_folder(model: Artifact, settings: Settings) -> Path:
    """A local folder with the artifact's files: the artifact itself, or a copy under the work folder.

    Every file is compared with its digest first, since a damaged weight gives wrong pictures and no error.

    Raises:
        DamagedArtifactError: a file is missing or is not the one that was written.
    """
    if storage.is_local(model.uri):
        model.require_whole()
        return Path(storage.filesystem(model.uri)[1])
    copies = settings.local_work / "models" / model.fingerprint
    for record in model.manifest().outputs:
        copy = copies / record.path
        if not copy.exists() or storage.sha256_of_file(str(copy)) != record.sha256:
            storage.write_bytes(str(copy), model.read(record.path))
    return copies


@lru_cache(maxsize=2)
def tokenizer_of(tokenizer: Artifact, settings: Settings) -> "ImageTokenizer":
    """The image tokenizer of an artifact, of the kind that its config names.

    Raises:
        DamagedArtifactError: a file is not the one that was written.
        CheckpointError: the artifact does not hold an image tokenizer.
    """
    from models.tokenizer import load_tokenizer

    return load_tokenizer(local_folder(tokenizer, settings), device())


@lru_cache(maxsize=2)
def generator_of(generator: Artifact, settings: Settings) -> "Generator":
    """The generator of an artifact, of the kind that its config names.

    Raises:
        DamagedArtifactError: a file is not the one that was written.
        CheckpointError: the artifact does not hold a generator.
    """
    from models import generator as generators

    return generators.load(local_folder(generator, settings), device())


@lru_cache(maxsize=2)
def ranker_of(ranker: Artifact, settings: Settings) -> "Ranker":
    """The model of an artifact that scores images against captions: trained here, or a published CLIP.

    Raises:
        DamagedArtifactError: a file is not the one that was written.
        CheckpointError: the artifact does not hold a ranker.
    """
    from models.clip.model import load_ranker

    return load_ranker(local_folder(ranker, settings), device())


def device() -> str:
    """A GPU where there is one, another for each local Dask worker if there are several; else the CPU."""
    import torch

    gpus = torch.cuda.device_count()
    return f"cuda:{worker_number() % gpus}" if gpus else "cpu"


def release_models() -> None:
    """Frees the models that this process keeps, so that the next stage has the memory, that of the GPU above all."""
    for kept in (tokenizer_of, generator_of, ranker_of):
        kept.cache_clear()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
