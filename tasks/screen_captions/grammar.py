"""Checks of a caption's grammar and tone, with the tagger and the lexicon of sentiment that textblob brings."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.screen_captions.shape import Verdict

# Penn Treebank tags.
PARTS = {
    "determiner": frozenset({"DT", "PDT", "WDT", "PRP$"}),  # a, all, which, her
    "noun": frozenset({"NN", "NNS", "NNP", "NNPS"}),
    "preposition": frozenset({"IN", "TO"}),
}


def missing_parts(captions: pa.Array, needed: Sequence[str]) -> Verdict:
    """Captions that lack a part of speech: determiner, noun or preposition."""
    missing = [
        ", ".join(f"no {part}" for part in needed if PARTS[part].isdisjoint(tags(caption)))
        for caption in captions.to_pylist()
    ]
    return pa.array([bool(parts) for parts in missing], pa.bool_()), [parts for parts in missing if parts]


def many_nouns(captions: pa.Array, most: float) -> Verdict:
    """Captions of which a larger share of the words is nouns."""
    found = [tags(caption) for caption in captions.to_pylist()]
    shares = np.array([sum(tag in PARTS["noun"] for tag in tagged) / max(len(tagged), 1) for tagged in found])
    mask = shares > most
    return pa.array(mask, pa.bool_()), [f"{100 * share:.0f} % nouns" for share in shares[mask]]


def strong_sentiment(captions: pa.Array, most: float) -> Verdict:
    """Captions whose sentiment, from -1 (bad) to 1 (good), is further from 0."""
    _, analyser = _textblob()
    polarities = np.array([analyser.analyze(caption).polarity for caption in captions.to_pylist()])
    mask = np.abs(polarities) > most
    return pa.array(mask, pa.bool_()), [f"sentiment {polarity:.2f}" for polarity in polarities[mask]]


@lru_cache(2**16)  # several checks ask for the same captions
def tags(caption: str) -> tuple[str, ...]:
    """The Penn Treebank tag of every word of a caption."""
    tagger, _ = _textblob()
    return tuple(tag for _, tag in tagger.tag(caption) if tag[0].isalpha())


@cache
def _textblob() -> tuple[Any, Any]:
    """Tagger and analyser of sentiment, both ported from CLiPS Pattern and with their data in the package."""
    from textblob.en.sentiments import PatternAnalyzer
    from textblob.en.taggers import PatternTagger

    return PatternTagger(), PatternAnalyzer()
