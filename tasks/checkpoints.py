"""Trained models out of artifacts, ready to use in this process; loaded once however many shards ask."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.settings import Settings

if TYPE_CHECKING:
    from models.clip.model import PairScorer
    from models.dvae.model import DVAE
    from models.prior.model import Prior
    from models.text.bpe import BPE

TOKENIZER = "tokenizer.json"
WEIGHTS = ("weights.safetensors", "config.json")


def local_folder(model: Artifact, settings: Settings) -> Path:
    """A local folder with the artifact's files: the artifact itself, or a copy under the work folder."""
    copies = settings.local_work / "models" / model.fingerprint
    for record in model.manifest().outputs:
        path = storage.local_copy(model.file(record.path), copies)
    return path.parent


@lru_cache(maxsize=2)
def load_dvae(dvae: Artifact, settings: Settings) -> "DVAE":
    from models.dvae.model import load_dvae

    return load_dvae(local_folder(dvae, settings), device())


@lru_cache(maxsize=2)
def load_prior(prior: Artifact, settings: Settings) -> "Prior":
    from models.prior.model import load_prior

    return load_prior(local_folder(prior, settings), device())


@lru_cache(maxsize=2)
def load_clip(clip: Artifact, settings: Settings) -> "PairScorer":
    from models.clip.model import load_clip, load_pretrained_clip

    folder = local_folder(clip, settings)
    if clip.manifest().config["pretrained"] is not None:
        return load_pretrained_clip(str(folder), device())
    return load_clip(folder, device())


@lru_cache(maxsize=2)
def load_bpe(bpe: Artifact, settings: Settings) -> "BPE":
    from models.text.bpe import load_bpe

    return load_bpe(storage.local_copy(bpe.file(TOKENIZER), settings.local_work / "models" / bpe.fingerprint))


def device() -> str:
    """`cuda` where there is a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
