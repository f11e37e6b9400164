"""What the names in captions name: a person, a place, or a thing that WordNet or the name's own words tell.

Conceptual Captions matched names with Google's Knowledge Graph, which knows far more of them: there "Musician Justin
Timberlake" became "pop artist". Here a name becomes what WordNet says it is one of ("Lake Michigan", a lake), the word
in it that says so ("American Film Festival", a festival), or "person" if it is like a person's name; the given names
are those of the US census of 1990, in the package `names`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.screen_captions.transform.lexicon import given_names, is_common
from tasks.screen_captions.transform.vocabulary import (
    NAMING,
    NAMING_FIRST,
    PERSON_TITLES,
    PLACE_FIRST,
    PLACES,
    SPACY_PLACES,
    SPACY_WORDS,
)
from tasks.screen_captions.transform.wordnet import PERSON, Synset, WordNet

MOST_WORDS = 4  # of a person's name


@dataclass(frozen=True)
class Named:
    """The word for what a name names, None if that is not known, and whether it is a place."""

    word: str | None
    is_place: bool = False


def named(words: Sequence[str], label: str, wordnet: WordNet) -> Named:
    """What a name of these words names.

    Args:
        label: spaCy's for it; empty if there is none.
    """
    lower = [word.lower() for word in words]
    first, last = lower[0], lower[-1]
    if first in PERSON_TITLES or (label == "PERSON" and not wordnet.is_person(first)):
        return Named("person")
    sense = wordnet.first_sense("_".join(lower).replace(".", ""))
    if len(words) == 1:
        return _of_one_word(words[0], sense, label, wordnet)
    if wordnet.is_person(first) and first not in given_names() and last not in NAMING:  # "President Lincoln"
        return Named(first)
    if sense is not None:
        return _of_sense(sense, lower, wordnet)
    if last in NAMING:
        return Named(last, _is_place(last, wordnet))
    if first in NAMING_FIRST:
        return Named(NAMING_FIRST[first], True)
    if first in given_names() and len(words) <= MOST_WORDS:
        return Named("person")
    if label:
        return Named(SPACY_WORDS.get(label), label in SPACY_PLACES)
    if first in PLACE_FIRST:
        return Named(None, True)
    return _guessed(words, wordnet)


def _of_one_word(word: str, sense: Synset | None, label: str, wordnet: WordNet) -> Named:
    """A word with a capital letter may be common for all that: it stays what it is."""
    lower = word.lower()
    if lower in given_names() and (sense is None or sense.category == PERSON):
        return Named("person")
    if is_common(lower, wordnet) and not (sense is not None and sense.is_instance):
        return Named(lower)
    if sense is not None:
        return _of_sense(sense, [lower], wordnet)
    return Named(SPACY_WORDS.get(label), label in SPACY_PLACES)


def _of_sense(sense: Synset, lower: Sequence[str], wordnet: WordNet) -> Named:
    """What WordNet says. Kinds of things, such as Christmas, stay what they are; kinds of people are persons."""
    if not sense.is_instance:
        return Named("person" if sense.category == PERSON else " ".join(lower))
    return Named(wordnet.hypernym(sense), bool(PLACES & wordnet.ancestors(sense)))


def _guessed(words: Sequence[str], wordnet: WordNet) -> Named:
    """Of several words unknown as a name, the last may be a noun; else they are like a person's name."""
    if len(words) > MOST_WORDS:
        return Named(None)
    last = words[-1].lower()
    singular = wordnet.singular(last)
    if singular is not None and wordnet.is_kind(singular):
        return Named(last, _is_place(singular, wordnet))
    is_like_a_person = all(word.isalpha() and not word.isupper() for word in words)
    return Named("person" if is_like_a_person else None)


def _is_place(noun: str, wordnet: WordNet) -> bool:
    sense = wordnet.first_sense(wordnet.singular(noun) or noun)
    return sense is not None and bool(PLACES & wordnet.ancestors(sense))
