"""Small evidence made by hand, for tests of single metrics."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tasks.evaluate.config import Config
from tasks.evaluate.evidence import Evidence
from tasks.evaluate.scan import CaptionMatch, Scan


def evidence(judged: Sequence[dict], **known) -> Evidence:
    """Evidence of a corpus of ten training images, each caption once."""
    config = known.pop("config", Config(best_of=(1, 2, 4)))
    return Evidence(config, judged, known.pop("train", corpus(10, judged)), **known)


def corpus(rows: int, judged: Sequence[dict], **known) -> Scan:
    """A corpus that holds the caption of each prompt once."""
    captions = Counter({row["prompt"]: 1 for row in judged})
    return Scan(rows, known.get("prompted", {}), captions, known.get("found_by_words", {}))


def judged(prompt_id: int, hits: Sequence[bool | None], group: str = "train", **values) -> list[dict]:
    """The candidates of a prompt, best first; the last of them was drawn first."""
    return [
        {
            "prompt_id": prompt_id,
            "prompt": f"caption {prompt_id}",
            "group": group,
            "pair_id": f"{prompt_id:016x}",
            "index": len(hits) - 1 - rank,
            "rank": rank,
            "score": 1.0 - rank / 10,
            "is_hit": hit,
            "true_mse": None,
            "nearest_mse": 0.01,
            "scorer_score": None,
            "words_read": None,
            "label_shares": None,
            **values,
        }
        for rank, hit in enumerate(hits)
    ]


def grey(level: int) -> np.ndarray:
    """The thumbnail of an image of one colour."""
    return np.full(768, level, np.uint8)


def found(level: int) -> CaptionMatch:
    """A picture of one colour, found by words."""
    return CaptionMatch(1.0, "f" * 16, grey(level))
