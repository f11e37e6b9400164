"""What the training stages share: the shards for a trainer, its run, and the files of it that are kept."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field

from models.config import Frozen, TokenizerModelConfig
from models.files import BPE_FILE, CONFIG, CURVES, MODEL_FILES
from models.training.config import TrainingConfig
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact, Counts
from tasks.engine.launch import launch
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig
from tasks.errors import CollapsedCodesError, ModelMismatchError, SourceError

READS_PAIRS = {"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}}


class TokenizerStageConfig(StageConfig):
    """Layout and training of an image tokenizer, and the share of its codes that it must use."""

    model: TokenizerModelConfig
    training: TrainingConfig
    least_codes_used: float = Field(
        0.05, ge=0, le=1, description="Share of the code book that held-out images must use; fewer is a collapse."
    )


def run_trainer(
    module: str, model: Frozen, training: Frozen, data: dict[str, Any], rows: Artifact, output: Output
) -> None:
    """Runs `python -m module` to its end and keeps weights, config, curves and metrics.

    Args:
        data: URIs of the shards by split, and the path of the text tokenizer if captions are read.
        rows: the artifact that is trained on; the stage counts its rows.

    Raises:
        TrainingFailedError: the trainer ended without finishing.
    """
    data = data | {"workers": output.settings.loader_workers}
    job = {"model": model.model_dump(mode="json"), "training": training.model_dump(mode="json"), "data": data}
    done = launch(module, job, output.scratch, output.settings, output.watch)
    for name in (*MODEL_FILES, CURVES):
        output.write(name, (output.scratch / name).read_bytes())
    output.metrics.update(done["metrics"])
    trained_on = rows.manifest().counts.rows_out
    output.account(Counts(unit="pairs", rows_in=trained_on, rows_out=trained_on))


def train_tokenizer(module: str, config: TokenizerStageConfig, output: Output, pairs: Artifact, remedy: str) -> None:
    """Runs the trainer of an image tokenizer, and records the sizes that the prior takes from it.

    Args:
        remedy: what prevents a collapse of this kind of tokenizer, besides longer training.

    Raises:
        CollapsedCodesError: the validation images, or the training images if there are none, use fewer codes than the
            config demands.
        SourceError: there are no training rows.
        TrainingFailedError: the trainer ended without finishing.
    """
    run_trainer(module, config.model, config.training, shards(pairs), pairs, output)
    output.metrics |= {"vocab_size": config.model.vocab_size, "grid": config.model.grid}
    used = output.metrics.get("codes_used", output.metrics["train_codes_used"]) / config.model.vocab_size
    if used < config.least_codes_used:
        raise CollapsedCodesError(
            f"The image tokenizer uses {used:.0%} of its codes, fewer than {config.model.kind}.least_codes_used "
            f"({config.least_codes_used:.0%}): train it longer, or {remedy}."
        )


def shards(artifact: Artifact) -> dict[str, Any]:
    """URIs of the training and validation shards, by split.

    Raises:
        SourceError: there are no training rows.
    """
    train_shards = artifact.files("train")
    if not train_shards:
        raise SourceError(f"{artifact.address} holds no training rows: loosen the filters or name a larger source.")
    return {"train": train_shards, "val": artifact.files("val")}


def bpe_file(bpe: Artifact, output: Output) -> dict[str, str]:
    """Local path of a copy of the text tokenizer in the scratch folder."""
    copy = output.scratch / BPE_FILE
    storage.write_bytes(str(copy), bpe.read(BPE_FILE))
    return {"bpe": str(copy)}


def text_sizes(bpe: Artifact) -> tuple[int, int]:
    """Token ids of the text tokenizer, and positions of a caption."""
    manifest = bpe.manifest()
    return manifest.metrics["vocabulary"], manifest.config["text_length"]


def image_sizes(tokenizer: Artifact) -> tuple[int, int]:
    """Codes of an image tokenizer, and codes per side of an image."""
    metrics = tokenizer.manifest().metrics
    return metrics["vocab_size"], metrics["grid"]


def require_input(artifact: Artifact, name: str, expected: Artifact) -> None:
    """Checks that `artifact` was made from `expected`, as its input `name`.

    Raises:
        ModelMismatchError: it was made from another artifact.
    """
    made_with = artifact.manifest().inputs[name]
    if made_with != expected.address:
        raise ModelMismatchError(
            f"{artifact.address} was made with {made_with}, not with {expected.address}: "
            f"make it again with this {name}, or use the {name} it was made with."
        )


def read_curves(model: Artifact) -> list[dict[str, float]]:
    """The lines of metrics.jsonl of a trained model, in the order of the steps."""
    lines = model.read(CURVES).decode().splitlines()
    return [json.loads(line) for line in lines]


def keep_published(folder: Path, output: Output) -> None:
    """Copies a published model's files into the artifact.

    Raises:
        SourceError: the folder holds no model.
    """
    for path in _published(folder):
        output.write(path.name, path.read_bytes())


def digest_of_published(folder: Path) -> str:
    """Digest of names and contents of a published model's files.

    Raises:
        SourceError: the folder holds no model.
    """
    lines = []
    for path in _published(folder):
        stat = path.stat()
        lines.append(f"{path.name} {_digest(path, stat.st_size, stat.st_mtime_ns)}\n")
    return storage.sha256("".join(lines).encode())


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    """Of a file of gigabytes, which a run asks for several times; read again if size or time of change differ."""
    return storage.sha256_of_file(str(path.absolute()))


def _published(folder: Path) -> list[Path]:
    if not (folder / CONFIG).is_file():
        raise SourceError(f"{folder} holds no published CLIP (no config.json): name its folder in clip.pretrained.")
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
