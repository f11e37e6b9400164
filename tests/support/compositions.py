"""A small corpus of compositions, as packed pairs and as scenes with pictures, and a judge of it."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from models.judge.config import JudgeTrainingConfig
from models.training.images import centre_crop, decode
from support.finished_run import EMOJI
from tasks.compositions.config import CompositionsConfig
from tasks.compositions.corpus import Composition, Corpus
from tasks.engine import storage
from tasks.evaluate.compositions.reader import SIDE_PX, CompositionJudge, fit_judge

FEW = CompositionsConfig(
    things=10, unseen_things=1, colours=5, per_pattern=2, per_size=2, per_count=2, pairs=60, per_unseen_thing=4
)
SHORT = JudgeTrainingConfig(steps=100, batch_size=32)


@cache
def small_corpus() -> Corpus:
    return Corpus(FEW, EMOJI)


def pairs_of(split: str, captions: int = 3) -> list[dict]:
    """The pairs of a split of the small corpus, one for each of so many captions, as they are packed."""
    rows = [
        (f"http://127.0.0.1:8717/images/{each.name}.jpg", caption, small_corpus().picture(each))
        for each in small_corpus().compositions
        if each.split == split
        for caption in each.captions[:captions]
    ]
    return [
        {
            "pair_id": f"{'ef'[split == 'train']}{number:015x}",
            "url": url,
            "caption": caption,
            "alt": caption,
            "page_url": "http://127.0.0.1:8717/index.html",
            "source": "demo",
            "licence": "MIT",
            "width": 144,
            "height": 144,
            "original_sha256": storage.sha256(image),
            "image": image,
        }
        for number, (url, caption, image) in enumerate(rows)
    ]


def shown_in(compositions: Sequence[Composition]) -> np.ndarray:
    """The pictures at the size at which the judge reads them: uint8 [n, side, side, 3]."""
    return np.stack([centre_crop(decode(small_corpus().picture(each)), SIDE_PX) for each in compositions])


@cache
def small_judge() -> CompositionJudge:
    """A judge fitted to the training pictures of the small corpus."""
    train = [each for each in small_corpus().compositions if each.split == "train"]
    return fit_judge(shown_in(train), [each.scene for each in train], small_corpus().things, SHORT)
