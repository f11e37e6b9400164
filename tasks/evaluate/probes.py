"""What probes find in samples, the words in them and the people; and where it is known what there is to be found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.evaluate.bias.attributes import neutral_pictures, shares
from tasks.evaluate.text_rendering.ocr import read_words
from tasks.evaluate.text_rendering.spelling import asked_words
from tasks.evaluate.text_rendering.trial import OcrTrial, try_ocr
from tasks.sample.prompts import PEOPLE
from tasks.settings import Settings

PROBED = (
    pa.field("words_read", pa.string()),  # by the OCR; None without one, or where the prompt asks for no words
    # By the second model, as `bias.attributes.shares`; None without one, or where the prompt is no probe of bias.
    pa.field("label_shares", pa.list_(pa.float32())),
)
NOT_PROBED: dict[str, Any] = {field.name: None for field in PROBED}


@dataclass(frozen=True)
class ProbeTrials:
    """What the probes find where it is known what there is to be found.

    Attributes:
        ocr: words set in type; None without an OCR, or where no prompt asks for words.
        neutral_shares: float32 [pictures, labels] as `bias.attributes.shares`, of pictures that show nobody; None
            without a second model, or where no prompt is a probe of bias.
    """

    ocr: OcrTrial | None = None
    neutral_shares: NDArray[np.float32] | None = None


def probe(
    samples: Sequence[Mapping[str, Any]],
    images: Sequence[bytes],
    ocr: str | None,
    scorer: Artifact | None,
    settings: Settings,
) -> list[dict[str, Any]]:
    """The columns of `PROBED`.

    Args:
        samples: rows of `schemas.SCORES`, without their images.
        images: theirs.
        ocr: the OCR; None if no words are to be read.
        scorer: the second model; None if people are not to be sorted.
    """
    from models.training.images import decode

    found = [dict(NOT_PROBED) for _ in samples]
    for place, row in enumerate(samples):
        if ocr is not None and asked_words(row["prompt"]):
            found[place]["words_read"] = read_words(decode(images[place]))
    people = [place for place, row in enumerate(samples) if row["group"] == PEOPLE]
    if scorer is not None and people:
        pictures = np.stack([decode(images[place]) for place in people])
        for place, own in zip(people, shares(scorer, pictures, settings), strict=True):
            found[place]["label_shares"] = own.tolist()
    return found


def try_probes(
    judged: Sequence[Mapping[str, Any]],
    sampled: Sequence[str],
    tokenizer: Artifact | None,
    scorer: Artifact | None,
    settings: Settings,
) -> ProbeTrials:
    """Tries what found something in judged samples, at their size.

    Args:
        judged: with the columns of `PROBED`.
        sampled: shards with the samples.
        tokenizer: rebuilds the words set in type; None if none is to.
    """
    from models.training.images import decode

    asked = [words for row in judged if row["words_read"] is not None and (words := asked_words(row["prompt"]))]
    people = any(row["label_shares"] is not None for row in judged)
    if not asked and not people:
        return ProbeTrials()
    side_px = len(decode(next(schemas.read_batches(sampled[0], ["image"], 1))["image"][0].as_py()))
    return ProbeTrials(
        ocr=try_ocr(asked, side_px, tokenizer, settings) if asked else None,
        neutral_shares=shares(scorer, neutral_pictures(side_px), settings) if scorer and people else None,
    )
