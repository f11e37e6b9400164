"""What the training stages share: the shards for a trainer, its run, and the files of it that are kept."""

import json
import shutil
from pathlib import Path
from typing import Any

from models.config import Frozen
from models.files import BOARD, BPE_FILE, CURVES, MODEL_FILES, PICTURES
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact, Counts, TrainerRecord
from tasks.engine.output import Output
from tasks.errors import ModelMismatchError, SourceError
from tasks.launch.run import launch

READS_PAIRS = {"pairs": {"train": schemas.PAIRS, "val": schemas.PAIRS}}


def run_trainer(
    module: str,
    model: Frozen,
    training: Frozen,
    data: dict[str, Any],
    rows: Artifact,
    output: Output,
    start_from: Path | None = None,
) -> None:
    """Runs `python -m module` to its end and keeps weights, config, curves and metrics.

    Args:
        data: URIs of the shards by split, and the path of the text tokenizer if captions are read.
        rows: the artifact that is trained on; the stage counts its rows.
        start_from: folder of the model whose weights the training starts from.

    Raises:
        TrainingFailedError: the trainer ended without finishing.
    """
    data = data | {"workers": output.settings.loader_workers}
    job: dict[str, Any] = {"model": model.model_dump(mode="json"), "training": training.model_dump(mode="json")}
    job |= {"data": data, "sharding": {"mode": output.settings.sharding}}
    if start_from is not None:
        job["start_from"] = str(start_from.absolute())
    done = launch(module, job, output.scratch, output.settings.launcher, output.watch)
    for name in (*MODEL_FILES, CURVES):
        output.write(name, (output.scratch / name).read_bytes())
    for path in sorted((output.scratch / PICTURES).glob("*/*.png")):
        output.write(path.relative_to(output.scratch).as_posix(), path.read_bytes())
    _keep_board(output)
    output.metrics.update(done["metrics"])
    output.metrics["precision"] = done["precision"]
    launcher = output.settings.launcher
    processes = launcher.nodes * launcher.ranks_per_node
    output.trainer = TrainerRecord(device=done["device"], processes=processes, seconds=done["seconds"])
    trained_on = rows.manifest().counts.rows_out
    output.account(Counts(unit="pairs", rows_in=trained_on, rows_out=trained_on))


def measure_pretrained(
    module: str, model: Path, layout: Frozen, training: Frozen, data: dict[str, Any], output: Output
) -> None:
    """Runs `python -m module` to measure a trained image tokenizer, as the trainer does at its end.

    Args:
        model: folder of the trained model.
        data: URIs of the shards by split.

    Raises:
        TrainingFailedError: it cannot be measured.
    """
    shape, settings = layout.model_dump(mode="json"), training.model_dump(mode="json")
    job = {"model": shape, "training": settings, "data": data, "pretrained": str(model.absolute())}
    output.metrics.update(launch(module, job, output.scratch, output.settings.launcher, output.watch)["metrics"])


def _keep_board(output: Output) -> None:
    """Moves TensorBoard's files out of the scratch folder. They hold times, so they are no part of the artifact."""
    stage, fingerprint = output.uri.split("/")[-2:]
    kept = output.settings.local_work / BOARD / stage / fingerprint
    if (output.scratch / BOARD).exists():  # else an earlier attempt, which was killed after this, has moved it
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(output.scratch / BOARD, kept)


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
