"""Titles of works in quotation marks: "the premiere of 'Hollywood Homicide'"."""

from collections.abc import Sequence

from tasks.screen_captions.transform.tokens import Token

QUOTES = {"'": "'", '"': '"', "\u2018": "\u2019", "\u201c": "\u201d"}
MOST_TOKENS = 10
BEFORE_A_TITLE = frozenset({"of", "for", "from", "in", "at", "by"})


def without_titles(tokens: Sequence[Token]) -> tuple[list[Token], int]:
    """The tokens without titles and the prepositions before them, and the number of titles.

    A title is what a pair of quotation marks encloses, if its first and last words have capital letters. A single word
    may be one that is written on a sign, unless "of" or the like is before it.
    """
    left: list[Token] = []
    titles = position = 0
    while position < len(tokens):
        end = _title_end(tokens, position)
        if end is None:
            left.append(tokens[position])
            position += 1
            continue
        titles += 1
        position = end
        if left and left[-1].lower in BEFORE_A_TITLE:
            left.pop()
    return left, titles


def _title_end(tokens: Sequence[Token], start: int) -> int | None:
    """Where the title ends whose quotation mark is at `start`; None if there is no title."""
    closing = QUOTES.get(tokens[start].text)
    if closing is None or not (tokens[start].spaced or start == 0):
        return None
    for end in range(start + 2, min(start + MOST_TOKENS, len(tokens))):
        if tokens[end].text == closing:
            words = [token for token in tokens[start + 1 : end] if token.is_word]
            is_title = len(words) > 1 or (start > 0 and tokens[start - 1].lower in BEFORE_A_TITLE)
            return end + 1 if words and is_title and words[0].is_capital and words[-1].is_capital else None
    return None
