"""What a prompt asks to be written, and how far from it is what was read."""

import re
from collections.abc import Sequence

_QUOTED = re.compile(r'["“]([^"“”]+)["”]')


def asked_words(prompt: str) -> str | None:
    """The words that a prompt has in double quotes, as `plain_words`; None where it has none."""
    return plain_words(" ".join(_QUOTED.findall(prompt))) or None


def plain_words(text: str) -> str:
    """Small letters and digits alone, with one space between words: case and punctuation are not compared."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def edits(a: Sequence[str], b: Sequence[str]) -> int:
    """Fewest characters to insert, delete or replace to make one text of the other (Levenshtein 1966)."""
    row = list(range(len(b) + 1))  # from the first characters of `a` to each beginning of `b`
    for done, own in enumerate(a, 1):
        before, row[0] = row[0], done
        for place, other in enumerate(b, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (own != other))
    return row[-1]


def character_error_rate(asked: str, read: str) -> float:
    """Edits from what was asked for to what was read, for each character asked for: 0 is right, 1 if nothing is read.

    It is 1 at most: to read much that was not asked for is no worse than to read nothing.
    """
    return min(1.0, edits(asked, read) / len(asked))
