"""Whether a caption is English: by its frequent words, and by cld3 where they do not tell."""

import re
from functools import cache, lru_cache
from typing import Any

import pyarrow as pa

from tasks.screen_captions.shape import Verdict
from tasks.screen_captions.words import ACCENTED, ENGLISH, FOREIGN

WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
POSSESSIVE = re.compile(r"['\u2019]s?$")


def not_english(captions: pa.Array, min_confidence: float) -> Verdict:
    """Captions in another language, of which cld3 must be so confident where frequent words do not tell."""
    languages = [other_language(caption, min_confidence) for caption in captions.to_pylist()]
    found = [language for language in languages if language is not None]
    return pa.array([language is not None for language in languages], pa.bool_()), found


def other_language(caption: str, min_confidence: float) -> str | None:
    """The language of a caption that is not English, with cld3's confidence; None if it is English or uncertain.

    On a few words cld3 is often confident and wrong: "a 3D emoji of grapes" is Catalan with 0.999, "Golden Gate
    Bridge in fog" Turkish. So a caption in Latin letters is first judged by its frequent words: the side that has
    more of them decides. If both have as many, as in a caption of names, cld3 is asked twice, the second time after
    "a picture of", and must not be confident of English either time. For a caption of mostly other letters cld3's
    first answer is enough, whatever its confidence.
    """
    if not _is_latin(caption):
        language, confidence = identify(caption)
        return None if language == "en" else f"{language} {confidence:.2f}"
    words = WORD.findall(caption.lower() if caption.isupper() else caption)
    balance = sum(map(_balance, words))
    if balance > 0:
        return None  # so are most captions, and cld3 need not be asked, which takes longer than all the rest
    language, confidence = identify(caption)
    if balance < 0:
        foreign = sum(map(_is_foreign, words))
        return f"{language} {confidence:.2f}" if language != "en" else f"{foreign} frequent words of other languages"
    if language == "en" or confidence < min_confidence:
        return None
    again, certainty = identify(f"a picture of {caption}")
    return None if again == "en" and certainty >= min_confidence else f"{language} {confidence:.2f}"


@lru_cache(2**16)
def _balance(word: str) -> int:
    """1 for a word that is frequent in English, -1 for one that is frequent, or spelt as, in other languages only."""
    return _is_english(POSSESSIVE.sub("", word.lower())) - _is_foreign(word)


def _is_foreign(word: str) -> bool:
    """Whether a word is foreign by itself. Capital letters make names: the La of La Jolla is no sign of French."""
    return word[0].islower() and (word in FOREIGN or _is_accented(word))


def _is_english(word: str) -> bool:
    stems = (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ing"), word.removesuffix("ed"))
    return any(stem in ENGLISH for stem in stems) or ("-" in word and all(map(_is_english, word.split("-"))))


def _is_accented(word: str) -> bool:
    return word not in ACCENTED and any(character.isalpha() and not character.isascii() for character in word)


def _is_latin(caption: str) -> bool:
    if caption.isascii():
        return True
    letters = [character for character in caption if character.isalpha()]
    # The Latin blocks are below 0x250; 0x1E00 to 0x1EFF are the further letters of Vietnamese and others.
    latin = sum(character < "\u0250" or "\u1e00" <= character < "\u1f00" for character in letters)
    return 2 * latin >= len(letters)


def identify(text: str) -> tuple[str, float]:
    """cld3's language and confidence."""
    found = _identifier().FindLanguage(text)
    return found.language, found.probability


@cache
def _identifier() -> Any:
    import gcld3

    # From 0 to 1000 bytes. By default cld3 identifies no text below 140 bytes, which most captions are.
    return gcld3.NNetLanguageIdentifier(0, 1000)
