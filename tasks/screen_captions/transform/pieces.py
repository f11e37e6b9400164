"""The pieces of a caption that the transformation works on: names as wholes, and words by what they do in a phrase."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.screen_captions.transform.lexicon import given_names, is_common
from tasks.screen_captions.transform.tokens import Token
from tasks.screen_captions.transform.vocabulary import (
    LARGE_NUMBERS,
    LINKS,
    NAMING,
    NAMING_FIRST,
    NUMBER_WORDS,
    PERSON_TITLES,
    PLACE_FIRST,
    SPACY_NAMES,
    SPACY_TIMES,
    UNITS,
)
from tasks.screen_captions.transform.wordnet import WordNet

# What a piece does in a noun phrase, one letter each so that a phrase is a pattern of letters.
DETERMINER, ADJECTIVE, NUMBER, UNIT, NOUN, NAME, POSSESSIVE, OTHER = "DJCUNPSO"

MODIFIERS = (DETERMINER, ADJECTIVE, NUMBER)
JOINS_NUMBERS = frozenset({"or", "to", "-", "\u2013", "x"})
AFTER_A_VERB = frozenset({"IN", "TO", "RP", "RB", "DT", "PRP", "PRP$", "NNP"})
ACRONYM = re.compile("[A-Z]{2,}s?")
NO_NAMES = frozenset({"i", "i'm", "i\u2019m"})
LONGEST_KIND = 3  # words of what WordNet knows together
MARKS = frozenset(".!?:")
DIMENSIONS = frozenset({"2d", "3d", "4d"})  # of pictures: no numbers


@dataclass(frozen=True)
class Piece:
    """A word, a mark or a whole name.

    Attributes:
        role: one of the letters above.
        at: its place in the caption as it was, so that what has lost a neighbour can be told.
        spaced: whether a space is before it.
        words: of a name.
        label: of the entity that it is, by spaCy.
        replaces: whether it stands for a name.
    """

    text: str
    role: str
    at: int
    spaced: bool
    tag: str
    words: tuple[str, ...] = ()
    label: str = ""
    replaces: bool = False

    @property
    def lower(self) -> str:
        return self.text.lower()


def pieces_of(tokens: Sequence[Token], wordnet: WordNet) -> list[Piece]:
    """The pieces of a caption, in its order."""
    is_name = names_in(tokens, wordnet)
    pieces: list[Piece] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = name_end(tokens, is_name, position, wordnet) if is_name[position] else position + 1
        words = tuple(each.text for each in tokens[position:end])
        role = NAME if is_name[position] else _role(token, pieces[-1] if pieces else None)
        pieces.append(Piece(" ".join(words), role, len(pieces), token.spaced, token.tag, words, token.label))
        position = end
    return _in_context(pieces)


def names_in(tokens: Sequence[Token], wordnet: WordNet) -> list[bool]:
    """For every token whether it is a name, or part of one."""
    content = [token for token in tokens[1:] if len(token.text) > 3 and token.text.isalpha() and token.tag != "IN"]
    is_headline = len(content) > 2 and all(token.is_capital for token in content)
    found = [_is_name(tokens, at, is_headline, wordnet) for at in range(len(tokens))]
    for start in range(len(tokens)):
        for end in range(min(start + LONGEST_KIND, len(tokens)), start + 1, -1):
            in_sentence = not is_headline and _begins(tokens, start)
            if all(token.is_capital for token in tokens[start:end]) and _is_known(
                tokens[start:end], in_sentence, wordnet
            ):
                found[start:end] = [True] * (end - start)  # Central Park, although both are common words
            elif any(found[start:end]) and not any(found[max(start - 1, 0) : start]) and not any(found[end : end + 1]):
                phrase = wordnet.singular("_".join(token.lower for token in tokens[start:end]))
                if phrase is not None and wordnet.is_kind(phrase):  # a German shepherd is no name
                    found[start:end] = [False] * (end - start)
    return found


def _is_known(tokens: Sequence[Token], in_sentence: bool, wordnet: WordNet) -> bool:
    """Whether WordNet, or in a sentence a word of them, says that these words are the name of a single thing."""
    first, last = tokens[0].lower, tokens[-1].lower
    sense = wordnet.first_sense("_".join(token.lower for token in tokens))
    if sense is not None:
        return sense.is_instance
    return in_sentence and len(tokens) == 2 and (first in NAMING_FIRST or first in PLACE_FIRST or last in NAMING)


def _is_name(tokens: Sequence[Token], at: int, is_headline: bool, wordnet: WordNet) -> bool:
    """A word with a capital letter; where all have one, one that is no common word, or a given name before a surname.

    All have one at the beginning of a sentence, and in a headline.
    """
    token = tokens[at]
    if not token.is_capital or token.label in SPACY_TIMES or token.lower in NO_NAMES:
        return False
    if token.label:
        return token.label in SPACY_NAMES
    if any(character.isdigit() for character in token.text):
        return token.lower not in DIMENSIONS
    following = tokens[at + 1] if at + 1 < len(tokens) and tokens[at + 1].is_capital else None
    if token.lower in PERSON_TITLES:
        return following is not None
    if ACRONYM.fullmatch(token.text):
        singular = wordnet.singular(token.lower) or token.lower
        return not (is_common(token.lower, wordnet) if len(token.text) > 3 else wordnet.is_kind(singular))
    if not (is_headline or _begins(tokens, at)) or not is_common(token.lower, wordnet):
        return True
    has_surname = following is not None and not is_common(following.lower, wordnet)
    return has_surname and token.lower in given_names()


def _begins(tokens: Sequence[Token], at: int) -> bool:
    """Whether a sentence begins there."""
    return at == 0 or tokens[at - 1].text in MARKS or (at == 1 and not tokens[0].is_word)


def name_end(tokens: Sequence[Token], is_name: Sequence[bool], start: int, wordnet: WordNet) -> int:
    """Where the name ends that begins at `start`: "Statue of Liberty", "Music & Cultural Festival"."""
    end = start + 1
    while end < len(tokens):
        if is_name[end]:
            end += 1
            continue
        link = end
        while link < len(tokens) and link - end < 2 and (tokens[link].lower in LINKS or tokens[link].lower == "the"):
            link += 1
        if link == end or link >= len(tokens) or not is_name[link]:
            break
        phrase = "_".join(token.lower for token in tokens[start : link + 1])
        of = tokens[end].lower == "of"
        if of and phrase not in wordnet and tokens[end - 1].lower not in NAMING:
            break
        end = link + 1
    return end


def _role(token: Token, before: Piece | None) -> str:
    lower = token.lower
    if token.tag in ("DT", "PDT", "PRP$"):
        return DETERMINER
    is_counted = before is not None and before.role == NUMBER
    if lower in NUMBER_WORDS or token.text[0].isdigit() or (lower in LARGE_NUMBERS and is_counted):
        return ADJECTIVE if lower in DIMENSIONS else NUMBER
    if before is not None and lower in UNITS and before.role in (NUMBER, UNIT):
        return UNIT
    if lower in ("'s", "\u2019s", "'", "\u2019") and before is not None and before.role in (NOUN, NAME):
        return POSSESSIVE if token.tag == "POS" or lower[-1] == "s" else OTHER
    if token.tag.startswith("NN"):
        return NOUN
    return ADJECTIVE if token.tag.startswith("JJ") else OTHER


def _in_context(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with the roles that their neighbours tell.

    Participles between a determiner or adjective and a noun are adjectives: "a smiling girl". What joins numbers is a
    part of them: "six or seven". After a person's name the tagger takes verbs for nouns: "Peter jumps into the pond".
    """
    changed = list(pieces)
    for at in range(1, len(pieces) - 1):
        before, piece, after = changed[at - 1], pieces[at], pieces[at + 1]
        if piece.tag in ("VBG", "VBN") and before.role in MODIFIERS and after.role in (NOUN, ADJECTIVE, NAME):
            changed[at] = replace(piece, role=ADJECTIVE)
        elif piece.lower in JOINS_NUMBERS and before.role == after.role == NUMBER:
            changed[at] = replace(piece, role=NUMBER)
        elif piece.tag == "NNS" and after.tag in AFTER_A_VERB and _is_given_name(before):
            changed[at] = replace(piece, role=OTHER)
    return changed


def _is_given_name(piece: Piece) -> bool:
    return piece.role == NAME and piece.words[0].lower() in given_names() | PERSON_TITLES
