"""The transformation of captions, one after the other."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tasks.screen_captions.transform.config import TransformConfig
from tasks.screen_captions.transform.dates import without_dates
from tasks.screen_captions.transform.mending import mended, merged, text_of
from tasks.screen_captions.transform.phrases import Phrases
from tasks.screen_captions.transform.pieces import NOUN, Piece, pieces_of
from tasks.screen_captions.transform.titles import without_titles
from tasks.screen_captions.transform.tokens import tokens_of
from tasks.screen_captions.transform.wordnet import WordNet, wordnet

LITTLE_LEFT, UNKNOWN_NAME = "little_left", "unknown_name"  # reasons to reject a caption


@dataclass(frozen=True)
class Transformed:
    """A caption afterwards, in lower case.

    Attributes:
        concepts: its nouns in the singular, those of several words that WordNet knows as one.
        changes: how many of each kind were made.
        reason, detail: why it is rejected; None if it is not.
    """

    text: str
    concepts: frozenset[str] = frozenset()
    changes: Counter[str] = field(default_factory=Counter)
    reason: str | None = None
    detail: str | None = None


def transformed(config: TransformConfig, captions: Sequence[str]) -> Iterator[Transformed]:
    """What becomes of every caption."""
    nouns = wordnet(config.wordnet)
    dated = [without_dates(caption) for caption in captions]
    for tokens, (_, dates, durations) in zip(
        tokens_of([text for text, _, _ in dated], config.tags()), dated, strict=True
    ):
        untitled, titles = without_titles(tokens)
        phrases = Phrases(pieces_of(untitled, nouns), nouns)
        phrases.change()
        pieces, merges = merged(phrases.kept)
        pieces = mended(pieces)
        changes = phrases.changes + Counter(dates=dates, durations=durations, titles=titles, merged=merges)
        yield _judged(pieces, changes, phrases.unknown, config.min_words, nouns)


def _judged(
    pieces: Sequence[Piece], changes: Counter[str], unknown: Sequence[str], min_words: int, nouns: WordNet
) -> Transformed:
    text, concepts = text_of(pieces), concepts_of(pieces, nouns)
    words = sum(piece.text[0].isalnum() for piece in pieces)
    if unknown:
        return Transformed(text, concepts, changes, UNKNOWN_NAME, unknown[0])
    if words < min_words or not concepts:
        return Transformed(text, concepts, changes, LITTLE_LEFT, f"left: {text}")
    return Transformed(text, concepts, changes)


def concepts_of(pieces: Sequence[Piece], nouns: WordNet) -> frozenset[str]:
    """The nouns in the singular; several that WordNet knows together, such as "christmas tree", are one."""
    found: set[str] = set()
    end = len(pieces)
    while end > 0:
        if pieces[end - 1].role != NOUN:
            end -= 1
            continue
        lengths = (length for length in (3, 2, 1) if length <= end)
        candidates = ((length, _singular(pieces[end - length : end], nouns)) for length in lengths)
        length, concept = next((length, known) for length, known in candidates if known is not None)
        found.add(concept)
        end -= length
    return frozenset(found)


def _singular(pieces: Sequence[Piece], nouns: WordNet) -> str | None:
    """A noun of so many words in the singular; None if WordNet does not know several as one."""
    *modifiers, noun = (piece.lower.replace(" ", "_") for piece in pieces)
    singular = nouns.singular(noun) or noun
    if not modifiers:
        return singular.replace("_", " ")
    phrase = nouns.singular("_".join([*modifiers, noun])) or "_".join([*modifiers, singular])
    return phrase.replace("_", " ") if nouns.is_kind(phrase) else None
