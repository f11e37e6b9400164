"""Judges samples: which image of the corpus each looks like, and whether that is the one its prompt belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine.artifact import Artifact, lineage
from tasks.engine.output import Shard
from tasks.errors import ModelMismatchError
from tasks.evaluate.compositions.reader import CompositionJudge
from tasks.evaluate.compositions.verdict import NO_VERDICT, VERDICT, verdicts
from tasks.evaluate.lookup import LookedUp
from tasks.evaluate.nearest import Nearest, distance
from tasks.evaluate.probes import NOT_PROBED, PROBED, probe
from tasks.rerank import score_images
from tasks.settings import Settings

# One sample, judged. Distances are mean squared errors of colour values in [0, 1] at 16x16 pixels.
JUDGED = pa.schema(
    [
        *[schemas.SCORES.field(name) for name in ("prompt_id", "prompt", "group", "pair_id", "category", "challenge")],
        *[schemas.SCORES.field(name) for name in ("index", "score", "rank")],
        pa.field("nearest_pair_id", pa.string(), nullable=False),  # nearest training image
        pa.field("nearest_caption", pa.string(), nullable=False),
        pa.field("nearest_mse", pa.float64(), nullable=False),
        pa.field("is_hit", pa.bool_()),  # nearest image is the prompt's own; null where the prompt is of no pair
        pa.field("true_mse", pa.float64()),  # distance to the prompt's own image
        pa.field("scorer_score", pa.float32()),  # cosine of image and prompt by the second model, if there is one
        *VERDICT,
        *PROBED,
    ]
)


@dataclass(frozen=True)
class Judges:
    """What judges samples: a second CLIP, a judge of compositions and an OCR, as far as there are any."""

    scorer: Artifact | None
    compositions: CompositionJudge | None
    ocr: str | None
    settings: Settings


@dataclass(frozen=True)
class SamplesToJudge:
    """A shard of samples.

    Attributes:
        likeness: URL of the `lookup.LookedUp` of its pictures.
        prompted: by id, the thumbnails of the pairs whose captions it has.
    """

    uri: str
    likeness: str
    prompted: Mapping[str, NDArray[np.uint8]]


def judge_samples(judges: Judges, work: SamplesToJudge) -> Shard:
    """One row for each sample. A training prompt is judged among training images, a held-out one among all."""
    columns = [name for name in schemas.SCORES.names if name not in ("image", "codes")]
    rows = schemas.read_table(work.uri, columns).to_pylist()
    prompts = [row["prompt"] for row in rows]
    like = LookedUp.read(work.likeness)
    scores, found = _second_scores(judges, work, prompts), _verdicts(judges, work, prompts)
    told = zip(rows, scores, found, _probed(judges, work, rows), strict=True)
    judged = [
        _judged(like, work.prompted, i, row) | {"scorer_score": score} | verdict | probed
        for i, (row, score, verdict, probed) in enumerate(told)
    ]
    return Shard(rows_in=len(rows), tables={"judged": pa.Table.from_pylist(judged, schema=JUDGED)})


def _second_scores(judges: Judges, work: SamplesToJudge, prompts: list[str]) -> list[float] | list[None]:
    if judges.scorer is None:
        return [None] * len(prompts)
    images = schemas.read_table(work.uri, ["image"])["image"].to_pylist()
    return score_images(judges.settings, judges.scorer, images, prompts).tolist()


def _verdicts(judges: Judges, work: SamplesToJudge, prompts: list[str]) -> list[dict[str, Any]]:
    """What is read from each sample, where its prompt tells of a composition."""
    from models.training.images import decode

    if judges.compositions is None:
        return [NO_VERDICT] * len(prompts)
    images = schemas.read_table(work.uri, ["image"])["image"].to_pylist()
    return verdicts(judges.compositions, prompts, [decode(image) for image in images])


def _probed(judges: Judges, work: SamplesToJudge, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What probes find in each sample."""
    if judges.ocr is None and judges.scorer is None:
        return [NOT_PROBED] * len(rows)
    images = schemas.read_table(work.uri, ["image"])["image"].to_pylist()
    return probe(rows, images, judges.ocr, judges.scorer, judges.settings)


def require_other_model(scorer: Artifact, scores: Artifact) -> None:
    """Checks that the second model is none that made or ranked the samples.

    Raises:
        ModelMismatchError: it has the weights of one of them.
    """
    own = _weights(scorer)
    for artifact in lineage(scores):
        if own & _weights(artifact):
            raise ModelMismatchError(
                f"{scorer.address} has the weights of {artifact.address}, which made or ranked the samples, and no "
                f"model may score its own choice: name another CLIP in scorer.pretrained, or none."
            )


def _weights(model: Artifact) -> set[str]:
    return {record.sha256 for record in model.manifest().outputs if record.path.endswith(".safetensors")}


def _judged(like: LookedUp, prompted: Mapping[str, NDArray[np.uint8]], i: int, row: dict) -> dict:
    nearest = like.among_all if row["group"] == "val" else like.among_train
    own = prompted.get(row["pair_id"]) if row["pair_id"] is not None else None
    own_mse = None if own is None else distance(like.thumbnails[i], own)
    known = {name: row[name] for name in JUDGED.names if name in row}
    return known | {
        "nearest_pair_id": str(like.among_train.pair_ids[i]),
        "nearest_caption": like.among_train.captions[i][0],
        "nearest_mse": float(like.among_train.mse[i]),
        "is_hit": None if own_mse is None else _belongs(nearest, i, row, own_mse),
        "true_mse": own_mse,
    }


def _belongs(nearest: Nearest, i: int, row: dict, own_mse: float) -> bool:
    """Two images with one caption are both what the prompt asked for, and one image may have several captions."""
    return bool(nearest.mse[i] == own_mse or row["prompt"] in nearest.captions[i])
