"""Mends captions of which pieces have gone: joined equals become a plural, loose ends go, "a aircraft" has its n."""

from collections.abc import Sequence
from dataclasses import replace

from tasks.screen_captions.transform.pieces import Piece

JOINS = frozenset({"and", "&"})
SEPARATORS = frozenset(",;:-|/\u2013\u2014\u00b7")
BRACKETS = {"(": ")", "[": "]"}
LOOSE_TAGS = frozenset({"IN", "TO", "CC", "DT", "PRP$", "POS"})
# Where sound and spelling differ.
A_DESPITE_VOWEL = ("uni", "use", "usu", "eu", "one", "ut")
AN_DESPITE_CONSONANT = ("hour", "honest", "heir", "honour", "honor")


def merged(pieces: Sequence[Piece]) -> tuple[list[Piece], int]:
    """Words for names that are joined and the same are one in the plural: "actor and actor" is "actors".

    Returns:
        The pieces, and how many were merged.
    """
    left: list[Piece] = []
    merges = position = 0
    while position < len(pieces):
        piece, end = pieces[position], position + 1
        joined = False
        while piece.replaces and (following := _same_after(pieces, end, piece)) is not None:
            joined = joined or any(between.lower in JOINS for between in pieces[end:following])
            end = following + 1
        if joined:
            merges += 1
            left.append(replace(piece, text=plural(piece.text)))
            position = end
        else:
            left.append(piece)
            position += 1
    return left, merges


def _same_after(pieces: Sequence[Piece], at: int, piece: Piece) -> int | None:
    """Where the same word stands after "and" or a comma, or both; None if it does not."""
    start = at
    while at < len(pieces) and at - start < 2 and (pieces[at].lower in JOINS or pieces[at].text == ","):
        at += 1
    is_same = start < at < len(pieces) and pieces[at].replaces and pieces[at].lower == piece.lower
    return at if is_same else None


def mended(pieces: Sequence[Piece]) -> list[Piece]:
    """Without what has lost its meaning with its neighbours: "of" before nothing, empty brackets, doubled commas."""
    left = list(pieces)
    while (at := next((at for at in range(len(left)) if _is_loose(left, at)), None)) is not None:
        del left[at]
    return [_article(left, at) for at in range(len(left))]


def _is_loose(pieces: Sequence[Piece], at: int) -> bool:
    piece = pieces[at]
    before = pieces[at - 1] if at > 0 else None
    after = pieces[at + 1] if at + 1 < len(pieces) else None
    lost_before = (at == 0 and piece.at > 0) or (before is not None and before.at != piece.at - 1)
    lost_after = after is None or after.at != piece.at + 1
    if piece.text in BRACKETS:
        return after is None or after.text == BRACKETS[piece.text]
    if piece.text in BRACKETS.values():
        return not any(each.text in BRACKETS for each in pieces[:at])
    ends = after is None or not (after.text[0].isalnum() or after.text in BRACKETS or after.text in "\"'\u201c\u2018#$")
    if piece.text in SEPARATORS:
        return (lost_before or lost_after) and (before is None or ends or not before.text[-1].isalnum())
    if (
        piece.tag == "CC"
        and lost_before
        and (before is None or before.text in SEPARATORS or before.tag in ("IN", "CC"))
    ):
        return True
    if piece.tag == "POS" and before is None:
        return True
    return piece.tag in LOOSE_TAGS and lost_after and (ends or (after is not None and after.tag in ("IN", "CC")))


def _article(pieces: Sequence[Piece], at: int) -> Piece:
    """The piece; "a" and "an" as what follows them now asks."""
    piece = pieces[at]
    if piece.lower not in ("a", "an") or at + 1 == len(pieces):
        return piece
    following = pieces[at + 1]
    if following.at == piece.at + 1 and not following.replaces:
        return piece
    return replace(piece, text="an" if _has_vowel(following.lower) else "a")


def _has_vowel(word: str) -> bool:
    """Whether a word begins with the sound of a vowel."""
    if word.startswith(AN_DESPITE_CONSONANT):
        return True
    return word[0] in "aeiou" and not word.startswith(A_DESPITE_VOWEL)


def plural(noun: str) -> str:
    """The plural of a noun; of several words, that of the last."""
    from textblob.en.inflect import pluralize

    words = noun.split()
    return " ".join([*words[:-1], str(pluralize(words[-1]))])


def text_of(pieces: Sequence[Piece]) -> str:
    """The pieces as a text in lower case, as Conceptual Captions has them."""
    text = "".join(f" {piece.text}" if piece.spaced else piece.text for piece in pieces)
    return " ".join(text.lower().split())
