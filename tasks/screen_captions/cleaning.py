"""Captions of alt texts: repaired, with single spaces, without credits at their ends."""

import html
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.screen_captions.boilerplate import CREDIT_HINT, LEADING, TRAILING

# Finds something in any text that `clean` changes: an escape (&), a control character, white space that is not one
# space between words, and any character beyond ASCII that may come from a wrong decoding. These may not: an accented
# letter of Latin-1 or a dash between ASCII, but for the letters that begin most wrong decodings, and the other letters.
PLAIN = r"\x20-\x25\x27-\x7e"
BETWEEN_PLAIN = "\u00c0\u00c1\u00c4-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u2013\u2014"  # without \u00c2 and \u00c3
GREEK_CYRILLIC = "\u0391-\u03a1\u03a3-\u03a9\u03ac-\u03ce\u0410-\u044f"
KANA_HAN_HANGUL = "\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3"
LETTERS = GREEK_CYRILLIC + KANA_HAN_HANGUL
NEEDS_CLEANING = (
    rf"[^{PLAIN}{BETWEEN_PLAIN}{LETTERS}]|[{BETWEEN_PLAIN}][{BETWEEN_PLAIN}{LETTERS}]|[{LETTERS}][{BETWEEN_PLAIN}]"
    r"|^ |  | $"
)


def cleaned(texts: Sequence[str] | pa.Array) -> pa.Array:
    """Captions of alt texts: repaired, and without credits at their ends, unless there is nothing else."""
    return _changed_where(CREDIT_HINT, repaired(texts), _without_credits)


def repaired(texts: Sequence[str] | pa.Array) -> pa.Array:
    """`clean` of every text; it is called for those that it may change."""
    return _changed_where(NEEDS_CLEANING, pa.array(texts, pa.string()), _all_clean)


def clean(text: str) -> str:
    """Undoes wrong decodings and HTML escapes (twice: many pages escape twice), and makes all white space one space."""
    from ftfy import TextFixerConfig, fix_text

    text = fix_text(html.unescape(html.unescape(text)), TextFixerConfig(explain=False))
    return " ".join(text.split())


def _changed_where(pattern: str, captions: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The captions, those changed in which the pattern finds something: most need no change, and each costs time."""
    mask = pc.match_substring_regex(captions, pattern)
    return pc.replace_with_mask(captions, mask, change(captions.filter(mask)))


def _all_clean(captions: pa.Array) -> pa.Array:
    return pa.array(map(clean, captions.to_pylist()), pa.string())


def _without_credits(captions: pa.Array) -> pa.Array:
    cut = captions
    for pattern in (LEADING, TRAILING):  # at most one match each; to replace it Arrow compiles the pattern twice
        cut = pc.binary_join(pc.split_pattern_regex(cut, pattern, max_splits=1), "")
    return pc.if_else(pc.equal(cut, ""), captions, cut)
