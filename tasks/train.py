"""The four trainings. Each hands packed shards to a trainer in `models/` and keeps what it leaves behind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from models.clip.config import ClipConfig, ClipLayout, ClipTraining
from models.config import Frozen
from models.dvae.config import DVAEConfig as DVAELayout
from models.dvae.config import DVAETraining
from models.prior.config import PriorConfig as PriorModel
from models.prior.config import PriorLayout, PriorTraining
from models.text.config import BPEConfig as BPELayout
from tasks import schemas, storage
from tasks.artifact import Artifact, Counts
from tasks.checkpoints import TOKENIZER, WEIGHTS
from tasks.errors import CollapsedCodesError, ModelMismatchError, SourceError
from tasks.launch import train
from tasks.output import Output
from tasks.stage import StageConfig, stage

READS_PAIRS = {"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}}
CURVES = "metrics.jsonl"


class BPEConfig(BPELayout, StageConfig):
    """Size of the tokenizer."""


class DVAEConfig(StageConfig):
    """Layout and training of the dVAE, and the health it must show before anything is built on it."""

    model: DVAELayout = Field(default_factory=DVAELayout)
    training: DVAETraining = Field(default_factory=DVAETraining)
    least_codes_used: float = Field(
        0.05, ge=0, le=1, description="Share of the code book that held-out images must use; fewer is a collapse."
    )


class CLIPConfig(StageConfig):
    """Layout and training of the ranker, or the folder of a published one."""

    model: ClipLayout = Field(default_factory=ClipLayout)
    training: ClipTraining = Field(default_factory=ClipTraining)
    pretrained: str | None = Field(
        None, description="Folder of a published CLIP (transformers layout) to use instead of training one."
    )


class PriorConfig(StageConfig):
    """Layout and training of the prior. Its vocabularies and grid are those of its tokenizer and dVAE."""

    model: PriorLayout = Field(default_factory=PriorLayout)
    training: PriorTraining = Field(default_factory=PriorTraining)


@stage(BPEConfig, reads=READS_PAIRS)
def train_bpe(config: BPEConfig, output: Output, pairs: Artifact) -> None:
    """Learns the text vocabulary from the training captions (section 2.2). Seconds of work, so no trainer process."""
    from models.text import bpe

    captions = list(_captions(pairs))
    tokenizer = bpe.train_bpe(captions, config)
    path = output.scratch / TOKENIZER
    tokenizer.save(path)
    output.write(TOKENIZER, path.read_bytes())
    output.metrics["vocabulary"] = tokenizer.vocab_size
    output.account(Counts(unit="captions", rows_in=len(captions), rows_out=len(captions)))


@stage(DVAEConfig, reads=READS_PAIRS)
def train_dvae(config: DVAEConfig, output: Output, pairs: Artifact) -> None:
    """Stage one of the paper: image tokens by a discrete VAE (section 2.1)."""
    _train("models.dvae.train", config.model, config.training, _shards(pairs), pairs, output)
    used = output.metrics["codes_used"] / config.model.vocab_size
    if used < config.least_codes_used:
        raise CollapsedCodesError(
            f"The dVAE uses {used:.0%} of its codes on held-out images, fewer than dvae.least_codes_used "
            f"({config.least_codes_used:.0%}): train it longer, or lower dvae.training.beta."
        )


@stage(CLIPConfig, reads=READS_PAIRS)
def train_clip(config: CLIPConfig, output: Output, pairs: Artifact, bpe: Artifact) -> None:
    """The contrastive ranker of section 2.6, trained on the same pairs unless a published one is named."""
    if config.pretrained is not None:
        _keep_published(Path(config.pretrained), output)
    else:
        text_vocab, text_length = _text_sizes(bpe)
        model = ClipConfig(**config.model.model_dump(), text_vocab=text_vocab, text_length=text_length)
        _train("models.clip.train", model, config.training, _shards(pairs) | _bpe(bpe, output), pairs, output)
        output.write(TOKENIZER, storage.read_bytes(bpe.file(TOKENIZER)))


@stage(PriorConfig, reads={"tokens": {"train": schemas.TOKENS, "val": schemas.TOKENS}})
def train_prior(config: PriorConfig, output: Output, tokens: Artifact, bpe: Artifact, dvae: Artifact) -> None:
    """Stage two of the paper: the transformer over text and image tokens (section 2.2)."""
    require_input(tokens, "dvae", dvae)
    text_vocab, caption_length = _text_sizes(bpe)
    images = DVAELayout(**dvae.manifest().config["model"])
    model = PriorModel(
        **config.model.model_dump(),
        text_vocab=text_vocab,
        text_length=caption_length + int(config.model.start_of_text),
        image_vocab=images.vocab_size,
        grid=images.grid,
    )
    _train("models.prior.train", model, config.training, _shards(tokens) | _bpe(bpe, output), tokens, output)


def require_input(artifact: Artifact, name: str, expected: Artifact) -> None:
    """Raises:
    ModelMismatchError: `artifact` was made with another model than the one it is now used with.
    """
    made_with = artifact.manifest().inputs[name]
    if made_with != expected.address:
        raise ModelMismatchError(
            f"{artifact.address} was made with {made_with}, not with {expected.address}: "
            f"make it again with this {name}, or use the {name} it was made with."
        )


def _captions(pairs: Artifact) -> Iterator[str]:
    for shard in pairs.files("train"):
        yield from schemas.read_table(shard)["caption"].to_pylist()


def _shards(artifact: Artifact) -> dict[str, Any]:
    train_shards = artifact.files("train")
    if not train_shards:
        raise SourceError(f"{artifact.address} holds no training rows: loosen the filters or name a larger source.")
    return {"train": train_shards, "val": artifact.files("val")}


def _bpe(bpe: Artifact, output: Output) -> dict[str, str]:
    return {"bpe": str(storage.local_copy(bpe.file(TOKENIZER), output.scratch))}


def _text_sizes(bpe: Artifact) -> tuple[int, int]:
    """Token ids of the tokenizer and positions of a caption."""
    manifest = bpe.manifest()
    return manifest.metrics["vocabulary"], manifest.config["text_length"]


def _keep_published(folder: Path, output: Output) -> None:
    if not (folder / "config.json").is_file():
        raise SourceError(f"{folder} holds no published CLIP (no config.json): name its folder in clip.pretrained.")
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        output.write(path.name, path.read_bytes())


def _train(module: str, model: Frozen, training: Frozen, data: dict[str, Any], rows: Artifact, output: Output) -> None:
    job = {"model": model.model_dump(mode="json"), "training": training.model_dump(mode="json"), "data": data}
    done = train(module, job, output.scratch, output.settings, output.watch)
    _keep(output.scratch, output)
    output.metrics.update(done["metrics"])
    outputs = rows.manifest().counts.rows_out
    output.account(Counts(unit="pairs", rows_in=outputs, rows_out=outputs))


def _keep(folder: Path, output: Output) -> None:
    for name in (*WEIGHTS, CURVES):
        output.write(name, (folder / name).read_bytes())


def read_curves(model: Artifact) -> list[dict[str, float]]:
    """The logged steps of a training, oldest first."""
    lines = storage.read_bytes(model.file(CURVES)).decode().splitlines()
    return [json.loads(line) for line in lines]
