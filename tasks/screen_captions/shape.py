"""Checks of how a caption looks: lengths, stock phrases, capital letters, repetition. All on Arrow arrays.

A check takes captions and its parameter, and returns which to reject, and for each of these the value that decided.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.screen_captions.boilerplate import BOILERPLATE, PLACED_AT_AN_END

Verdict = tuple[pa.BooleanArray, Sequence[str]]

UNSPACED_SCRIPTS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"  # no spaces between words
IN_WORDS = r"\p{L}\p{M}\p{N}'\x{2019}"
SMALL_START = r"^[^\p{L}\p{N}]*\p{Ll}"

# Words that a sentence may well hold twice.
_FUNCTION_WORDS = """
a an and are as at be by for from her his in into is it its near of on or over that the their they to under up was were
while who with
"""
FUNCTION_WORDS = pa.array(_FUNCTION_WORDS.split())


def few_characters(captions: pa.Array, least: int) -> Verdict:
    """Captions of fewer characters."""
    lengths = pc.utf8_length(captions)
    return _verdict(pc.less(lengths, least), lengths, "characters")


def many_characters(captions: pa.Array, most: int) -> Verdict:
    """Captions of more characters."""
    lengths = pc.utf8_length(captions)
    return _verdict(pc.greater(lengths, most), lengths, "characters")


def few_words(captions: pa.Array, least: int) -> Verdict:
    """Captions of fewer words, if their script has spaces between words."""
    words = _word_counts(captions)
    few = pc.less(words, least)
    return _verdict(pc.and_not(few, pc.match_substring_regex(captions, UNSPACED_SCRIPTS)), words, "words")


def many_words(captions: pa.Array, most: int) -> Verdict:
    """Captions of more words."""
    words = _word_counts(captions)
    return _verdict(pc.greater(words, most), words, "words")


def stock_phrases(captions: pa.Array, most: float) -> Verdict:
    """Captions of which a larger share of the characters is stock phrases, dates and file names."""
    own = pc.cast(pc.utf8_length(pc.replace_substring_regex(captions, BOILERPLATE, "")), pa.float64())
    own_share = pc.divide(own, pc.max_element_wise(pc.cast(pc.utf8_length(captions), pa.float64()), 1.0))
    percent = pc.cast(pc.round(pc.multiply(pc.subtract(1.0, own_share), 100)), pa.int32())
    return _verdict(pc.less(own_share, 1 - most), percent, "% stock phrases")


def stock_ends(captions: pa.Array, _: bool) -> Verdict:
    """Captions that begin or end as "embedded image permalink" and "profile photo" do."""
    mask = pc.match_substring_regex(captions, PLACED_AT_AN_END)
    return mask, ["a stock phrase at an end"] * pc.sum(mask, min_count=0).as_py()


def small_start(captions: pa.Array, _: bool) -> Verdict:
    """Captions whose first word has no capital letter."""
    mask = pc.match_substring_regex(captions, SMALL_START)
    return mask, [caption.split()[0] for caption in captions.filter(mask).to_pylist()]


def many_capitals(captions: pa.Array, most: float) -> Verdict:
    """Captions of which a larger share of the words begins with a capital letter."""
    words, rows = words_of(captions)
    capital = _as_numpy(pc.match_substring_regex(words, r"^\p{Lu}"))
    share = np.bincount(rows[capital], minlength=len(captions)) / _totals(rows, len(captions))
    return _share_verdict(share > most, share, "words with a capital")


def much_repetition(captions: pa.Array, most: float) -> Verdict:
    """Captions of which a larger share of the words, function words aside, was there before."""
    words, rows = words_of(captions)
    content = pc.invert(pc.is_in(pc.utf8_lower(words), FUNCTION_WORDS))
    repeated = 1 - _distinct_share(words.filter(content), rows[_as_numpy(content)], len(captions))
    return _share_verdict(repeated > most, repeated, "repeated words")


def few_distinct_words(captions: pa.Array, least: float) -> Verdict:
    """Captions with fewer different words for each word."""
    distinct = _distinct_share(*words_of(captions), len(captions))
    return _share_verdict(distinct < least, distinct, "different words")


def words_of(captions: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The words of all captions, one after the other, and for each the index of its caption."""
    parts = pc.split_pattern_regex(captions, pattern=rf"[^{IN_WORDS}]+")
    words, rows = parts.flatten(), pc.list_parent_indices(parts).to_numpy()
    is_word = pc.not_equal(words, "")
    return words.filter(is_word), rows[_as_numpy(is_word)]


def _distinct_share(words: pa.Array, rows: np.ndarray, captions: int) -> np.ndarray:
    """Different words for each word of every caption, whatever their capitals; 1 where there is no word."""
    encoded = pc.utf8_lower(words).dictionary_encode()
    pairs = np.unique(rows.astype(np.int64) * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy())
    distinct = np.bincount(pairs // (len(encoded.dictionary) + 1), minlength=captions)
    return np.where(np.bincount(rows, minlength=captions) == 0, 1.0, distinct / _totals(rows, captions))


def _totals(rows: np.ndarray, captions: int) -> np.ndarray:
    """Words of every caption, 1 at least."""
    return np.maximum(np.bincount(rows, minlength=captions), 1)


def _as_numpy(mask: pa.BooleanArray) -> np.ndarray:
    return mask.to_numpy(zero_copy_only=False)


def _word_counts(captions: pa.Array) -> pa.Array:
    is_text = pc.cast(pc.not_equal(captions, ""), pa.int32())
    return pc.add(pc.count_substring(captions, " "), is_text)


def _verdict(mask: pa.BooleanArray, values: pa.Array, unit: str) -> Verdict:
    return mask, [f"{value} {unit}" for value in values.filter(mask).to_pylist()]


def _share_verdict(mask: np.ndarray, shares: np.ndarray, what: str) -> Verdict:
    return pa.array(mask, pa.bool_()), [f"{100 * share:.0f} % {what}" for share in shares[mask]]
