"""Captions of alt texts: repaired, with single spaces, without credits at their ends."""

import html
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.screen_captions.boilerplate import CREDIT_HINT, LEADING, TRAILING

# Finds something in any text that `clean` changes: a character beyond ASCII, an escape (&), a control character, or
# white space that is not one space between words.
NEEDS_CLEANING = r"[^\x20-\x25\x27-\x7e]|^ |  | $"


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
    for pattern in (LEADING, TRAILING):
        cut = pc.replace_substring_regex(cut, pattern, "")
    return pc.if_else(pc.equal(cut, ""), captions, cut)
