"""Mends captions of which parts have gone: joined equals become a plural, loose ends go, "a aircraft" has its n."""

from collections.abc import Sequence
from dataclasses import replace

from tasks.screen_captions.transform.parts import Part

JOINS = frozenset({"and", "&"})
SEPARATORS = frozenset(",;:-|/\u2013\u2014\u00b7")
BRACKETS = {"(": ")", "[": "]"}
LOOSE_TAGS = frozenset({"IN", "TO", "CC", "DT", "PRP$", "POS"})
# Where sound and spelling differ.
A_DESPITE_VOWEL = ("uni", "use", "usu", "eu", "one", "ut")
AN_DESPITE_CONSONANT = ("hour", "honest", "heir", "honour", "honor")


def merged(parts: Sequence[Part]) -> tuple[list[Part], int]:
    """Words for names that are joined and the same are one in the plural: "actor and actor" is "actors".

    Returns:
        The parts, and how many were merged.
    """
    left: list[Part] = []
    merges = position = 0
    while position < len(parts):
        part, end = parts[position], position + 1
        joined = False
        while part.replaces and (following := _same_after(parts, end, part)) is not None:
            joined = joined or any(between.lower in JOINS for between in parts[end:following])
            end = following + 1
        if joined:
            merges += 1
            left.append(replace(part, text=plural(part.text)))
            position = end
        else:
            left.append(part)
            position += 1
    return left, merges


def _same_after(parts: Sequence[Part], at: int, part: Part) -> int | None:
    """Where the same word stands after "and" or a comma, or both; None if it does not."""
    start = at
    while at < len(parts) and at - start < 2 and (parts[at].lower in JOINS or parts[at].text == ","):
        at += 1
    is_same = start < at < len(parts) and parts[at].replaces and parts[at].lower == part.lower
    return at if is_same else None


def mended(parts: Sequence[Part]) -> list[Part]:
    """Without what has lost its meaning with its neighbours: "of" before nothing, empty brackets, doubled commas."""
    left = list(parts)
    while (at := next((at for at in range(len(left)) if _is_loose(left, at)), None)) is not None:
        del left[at]
    return [_article(left, at) for at in range(len(left))]


def _is_loose(parts: Sequence[Part], at: int) -> bool:
    part = parts[at]
    before = parts[at - 1] if at > 0 else None
    after = parts[at + 1] if at + 1 < len(parts) else None
    lost_before = (at == 0 and part.at > 0) or (before is not None and before.at != part.at - 1)
    lost_after = after is None or after.at != part.at + 1
    if part.text in BRACKETS:
        return after is None or after.text == BRACKETS[part.text]
    if part.text in BRACKETS.values():
        return not any(each.text in BRACKETS for each in parts[:at])
    ends = after is None or not (after.text[0].isalnum() or after.text in BRACKETS or after.text in "\"'\u201c\u2018#$")
    if part.text in SEPARATORS:
        return (lost_before or lost_after) and (before is None or ends or not before.text[-1].isalnum())
    if part.tag == "CC" and lost_before and (before is None or before.text in SEPARATORS or before.tag in ("IN", "CC")):
        return True
    if part.tag == "POS" and before is None:
        return True
    return part.tag in LOOSE_TAGS and lost_after and (ends or (after is not None and after.tag in ("IN", "CC")))


def _article(parts: Sequence[Part], at: int) -> Part:
    """The part; "a" and "an" as what follows them now asks."""
    part = parts[at]
    if part.lower not in ("a", "an") or at + 1 == len(parts):
        return part
    following = parts[at + 1]
    if following.at == part.at + 1 and not following.replaces:
        return part
    return replace(part, text="an" if _has_vowel(following.lower) else "a")


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


def text_of(parts: Sequence[Part]) -> str:
    """The parts as a text in lower case, as Conceptual Captions has them."""
    text = "".join(f" {part.text}" if part.spaced else part.text for part in parts)
    return " ".join(text.lower().split())
