"""A published CLIP, by folder or by its name on a hub: what belongs to it, and what is no CLIP that can be used."""

import json
from pathlib import Path

from models.files import BPE_FILE, CONFIG, PREPROCESSOR, WEIGHTS
from tasks.engine.output import Output
from tasks.errors import SourceError
from tasks.train.published import digest_of_published, keep_published, published_folder

# In the layout of the transformers library, and of a CLIP that was trained here. No pickle: it could run code.
WEIGHT_FILES = ("model.safetensors", "model-*-of-*.safetensors", WEIGHTS)
CLIP_FILES = (
    CONFIG,
    *WEIGHT_FILES,
    "model.safetensors.index.json",
    PREPROCESSOR,
    BPE_FILE,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)


def keep_clip(name: str, setting: str, output: Output) -> None:
    """Copies the CLIP into the artifact, and its name into the metrics.

    Args:
        name: a folder, or `model` or `model@revision` on the Hugging Face hub.
        setting: the setting that names it, for the error.

    Raises:
        SourceError: there is no such model, or it is none that can be used.
    """
    folder = clip_folder(name, setting)
    keep_published(folder, setting, output, CLIP_FILES)
    output.metrics["model"] = _shown(name, folder)


def digest_of_clip(name: str, setting: str) -> str:
    """Digest of the CLIP's files, which are fetched if they are not here yet; arguments as for `keep_clip`.

    Raises:
        SourceError: there is no such model, or it is none that can be used.
    """
    return digest_of_published(clip_folder(name, setting), setting, CLIP_FILES)


def clip_folder(name: str, setting: str) -> Path:
    """The folder of the CLIP, which is fetched if it is not here yet; arguments and errors as for `keep_clip`."""
    folder = published_folder(name, setting, CLIP_FILES)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind = config.get("kind") or config.get("model_type")
    except FileNotFoundError as error:
        raise SourceError(
            f"{folder} holds no published model (no {CONFIG}): name the folder of one, or its name on the hub, "
            f"in {setting}."
        ) from error
    except (OSError, ValueError, AttributeError) as error:
        raise SourceError(f"{folder / CONFIG} is not the config of a model: name a CLIP in {setting}.") from error
    if kind != "clip":
        raise SourceError(f"{name} is a model of type {kind!r}, not a CLIP: name a CLIP in {setting}.")
    if not any(True for pattern in WEIGHT_FILES for _ in folder.glob(pattern)):
        raise SourceError(
            f"{name} has no weights as safetensors, and a pickle is not opened because it can run code: name a "
            f"revision or a copy that has them (save_pretrained of the transformers library writes one) in {setting}."
        )
    return folder


def _shown(name: str, folder: Path) -> str:
    """The folder's own name, or the hub's name with the commit that was fetched."""
    if Path(name).expanduser() == folder:
        return folder.absolute().name
    return f"{name.split('@')[0]}@{folder.name[:12]}"
