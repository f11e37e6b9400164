"""The trial of the OCR: what it reads where the words that a prompt asks for are known to stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.processor import torch_threads
from tasks.checkpoints import tokenizer_of
from tasks.engine.artifact import Artifact
from tasks.evaluate.text_rendering.ocr import read_words
from tasks.evaluate.text_rendering.package import ocr_name
from tasks.evaluate.text_rendering.rendered import renderings
from tasks.settings import Settings

Readings = Mapping[str, Sequence[str]]  # by the words asked for, what is read in each picture of them


@dataclass(frozen=True)
class OcrTrial:
    """What the OCR reads of words set in type, at the size of the samples.

    Attributes:
        model: the OCR, by name and version.
        rendered: in the pictures as they are set.
        rebuilt: in the same pictures after they went through the image tokenizer; empty without one.
    """

    model: str
    rendered: Readings
    rebuilt: Readings


def try_ocr(asked: Sequence[str], side_px: int, tokenizer: Artifact | None, settings: Settings) -> OcrTrial:
    """Lets the OCR read the words of all prompts, set in type.

    Args:
        asked: texts as `spelling.asked_words`, again and again if need be.
        side_px: side of the samples.
    """
    pictures = {words: np.stack(list(renderings(words, side_px))) for words in dict.fromkeys(asked)}
    return OcrTrial(
        model=ocr_name(),
        rendered={words: list(map(read_words, own)) for words, own in pictures.items()},
        rebuilt={} if tokenizer is None else _rebuilt(pictures, tokenizer, settings),
    )


def _rebuilt(pictures: Mapping[str, np.ndarray], tokenizer: Artifact, settings: Settings) -> Readings:
    from models.tokenizer import decode_codes, encode_images
    from models.training.images import centre_crop

    with torch_threads(1):  # as in `rebuild.rebuild_images`
        loaded = tokenizer_of(tokenizer, settings)
        side = loaded.config.image_size
        sized = {words: np.stack([centre_crop(each, side) for each in own]) for words, own in pictures.items()}
        return {
            words: list(map(read_words, decode_codes(loaded, encode_images(loaded, own))))
            for words, own in sized.items()
        }
