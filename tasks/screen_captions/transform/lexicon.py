"""Which words are common ones, and which are given names."""

from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from tasks.screen_captions.transform.wordnet import WordNet

INFLECTED = ("ing", "ed", "ly")


def is_common(lower: str, wordnet: WordNet) -> bool:
    """Whether a word in lower case is an English word and no name, by textblob's lexicon and WordNet."""
    is_kind = wordnet.is_kind(wordnet.singular(lower) or "")
    if lower in given_names() and not is_kind:
        return False  # Peter, although "to peter" is a verb
    tag = _lexicon().get(lower)
    if tag is not None:
        return not tag.startswith("NNP")
    first, hyphen, rest = lower.partition("-")
    return is_kind or lower.endswith(INFLECTED) or (bool(hyphen) and is_common(first, wordnet) and bool(rest))


@cache
def given_names() -> frozenset[str]:
    """Given names of the US census of 1990, in lower case."""
    import names

    files = (Path(names.FILES[f"first:{sex}"]) for sex in ("male", "female"))
    lines = chain.from_iterable(file.read_text("ascii").splitlines() for file in files)
    return frozenset(line.split()[0].lower() for line in lines)


@cache
def _lexicon() -> Any:
    """Words and their most frequent tags."""
    from textblob.en import lexicon

    lexicon.get("a")  # loads it
    return lexicon
