"""The transformation of captions, one after the other."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tasks.screen_captions.transform.config import TransformConfig
from tasks.screen_captions.transform.dates import without_dates
from tasks.screen_captions.transform.mending import mended, merged, text_of
from tasks.screen_captions.transform.parts import NOUN, Part, parts_of
from tasks.screen_captions.transform.phrases import Phrases
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
        phrases = Phrases(parts_of(untitled, nouns), nouns)
        phrases.change()
        parts, merges = merged(phrases.kept)
        parts = mended(parts)
        changes = phrases.changes + Counter(dates=dates, durations=durations, titles=titles, merged=merges)
        yield _judged(parts, changes, phrases.unknown, config.min_words, nouns)


def _judged(
    parts: Sequence[Part], changes: Counter[str], unknown: Sequence[str], min_words: int, nouns: WordNet
) -> Transformed:
    text, concepts = text_of(parts), concepts_of(parts, nouns)
    words = sum(part.text[0].isalnum() for part in parts)
    if unknown:
        return Transformed(text, concepts, changes, UNKNOWN_NAME, unknown[0])
    if words < min_words or not concepts:
        return Transformed(text, concepts, changes, LITTLE_LEFT, f"left: {text}")
    return Transformed(text, concepts, changes)


def concepts_of(parts: Sequence[Part], nouns: WordNet) -> frozenset[str]:
    """The nouns in the singular; several that WordNet knows together, such as "christmas tree", are one."""
    found: set[str] = set()
    end = len(parts)
    while end > 0:
        if parts[end - 1].role != NOUN:
            end -= 1
            continue
        lengths = (length for length in (3, 2, 1) if length <= end)
        candidates = ((length, _singular(parts[end - length : end], nouns)) for length in lengths)
        length, concept = next((length, known) for length, known in candidates if known is not None)
        found.add(concept)
        end -= length
    return frozenset(found)


def _singular(parts: Sequence[Part], nouns: WordNet) -> str | None:
    """A noun of so many words in the singular; None if WordNet does not know several as one."""
    *modifiers, noun = (part.lower.replace(" ", "_") for part in parts)
    singular = nouns.singular(noun) or noun
    if not modifiers:
        return singular.replace("_", " ")
    phrase = nouns.singular("_".join([*modifiers, noun])) or "_".join([*modifiers, singular])
    return phrase.replace("_", " ") if nouns.is_kind(phrase) else None
