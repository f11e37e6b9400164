"""Changes noun phrases: modifiers that are names or numbers go, places go, other names become what they name."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tasks.screen_captions.transform.lexicon import given_names
from tasks.screen_captions.transform.naming import Named, named
from tasks.screen_captions.transform.pieces import NAME, NOUN, NUMBER, POSSESSIVE, UNIT, Piece
from tasks.screen_captions.transform.vocabulary import APPROXIMATELY, AT_A_PLACE, NAMING
from tasks.screen_captions.transform.wordnet import WordNet

# In letters of roles: determiner, modifiers, and the last noun or name; then numbers, as in "view 81".
NOUN_PHRASE = re.compile(r"D*[JCUNP]*[NP][CU]*|C[CU]*U")
SET_OFF = frozenset({",", "-", "\u2013", "\u2014", "|", "(", ":", "/"})
JOINS = frozenset({"and", "&", ",", "/", "to"})
PERSON = "person"


@dataclass
class Phrases:
    """What becomes of the phrases of one caption.

    Attributes:
        pieces: of the caption as it was, but for its possessors.
        kept: what is left so far.
        changes: how many of each kind were made.
        unknown: names that cannot be left out, of which nothing tells what they name.
    """

    pieces: Sequence[Piece]
    wordnet: WordNet
    kept: list[Piece] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    _place_end: int = -1  # where the last place ended that was dropped

    def change(self) -> None:
        """Goes through the caption once."""
        self.pieces = self._without_possessors()
        done = 0
        for match in NOUN_PHRASE.finditer("".join(piece.role for piece in self.pieces)):
            self.kept += self.pieces[done : match.start()]
            self._change(match.start(), match.end())
            done = match.end()
        self.kept += self.pieces[done:]

    def _without_possessors(self) -> list[Piece]:
        """A person with 's stays one: "person's coat". Of other names, "London's streets", nothing does."""
        pieces: list[Piece] = []
        for piece in self.pieces:
            if piece.role == POSSESSIVE and pieces and pieces[-1].role == NAME:
                possessor = pieces.pop()
                found = named(possessor.words, possessor.label, self.wordnet)
                if found.word != PERSON:
                    self.changes["names_dropped"] += 1
                    continue
                self.changes["names_replaced"] += 1
                pieces.append(_word(possessor, found))
            pieces.append(piece)
        return pieces

    def _change(self, start: int, end: int) -> None:
        phrase = self.pieces[start:end]
        last = max((at for at, piece in enumerate(phrase) if piece.role in (NOUN, NAME)), default=None)
        if last is None:  # a number and a unit: "at 30 mph"
            self.changes["units"] += 1
            self._drop_introduction()
        elif phrase[last].role == NOUN:
            self._keep_without_modifiers(phrase)
        elif last > 0 and _is_apposed(phrase[last - 1], phrase[last]):
            self._keep_without_modifiers(
                [*phrase[: last - 1], replace(phrase[last - 1], replaces=True), *phrase[last:]]
            )
        else:
            self._replace(start, phrase[:last], phrase[last], end)

    def _keep_without_modifiers(self, phrase: Sequence[Piece]) -> None:
        for role, change in ((NAME, "names_dropped"), (NUMBER, "numbers"), (UNIT, "units")):
            self.changes[change] += sum(piece.role == role for piece in phrase)
        if phrase[0].role == NUMBER and self.kept and self.kept[-1].lower in APPROXIMATELY:
            self.kept.pop()
        self.kept += [piece for piece in phrase if piece.role not in (NAME, NUMBER, UNIT)]

    def _replace(self, start: int, before: Sequence[Piece], name: Piece, end: int) -> None:
        found = named(name.words, name.label, self.wordnet)
        is_in_it = found.word == PERSON and bool(self.kept) and self.kept[-1].lower == "in"  # Franklin, the town
        if (found.is_place or found.word is None or is_in_it) and self._is_set_apart(start, end):
            self.changes["places"] += 1
            self._place_end = end
            self._drop_introduction()
        elif found.word is None:
            self.unknown.append(name.text)
        else:
            self.changes["names_replaced"] += 1
            self._keep_without_modifiers([*before, _word(name, found)])

    def _is_set_apart(self, start: int, end: int) -> bool:
        """Whether a place can go: "in Bristol", "Bristol, UK", "a bridge, Bristol", "the city of Bristol"."""
        if not self.kept:
            return False
        introduction = self.kept[-1]
        is_at_an_end = end == len(self.pieces) or not self.pieces[end].text[0].isalnum()
        return (
            introduction.lower in AT_A_PLACE
            or (introduction.lower in JOINS and self._place_end == start - 1)
            or (introduction.lower == "of" and self.kept[-2:][0].lower in NAMING)
            or (introduction.text in SET_OFF and is_at_an_end and len(self.kept) > 1)
        )

    def _drop_introduction(self) -> None:
        """Drops the preposition or mark before what is dropped."""
        if self.kept and (self.kept[-1].tag in ("IN", "TO", "CC") or self.kept[-1].text in SET_OFF):
            self.kept.pop()


def _is_apposed(noun: Piece, name: Piece) -> bool:
    """Whether a noun says what the name after it names: "artist Duncan McKellar", "the river Thames".

    The tagger also takes verbs for plurals: "tucks Peter into bed".
    """
    return noun.role == NOUN and not (noun.tag == "NNS" and name.words[0].lower() in given_names())


def _word(name: Piece, found: Named) -> Piece:
    assert found.word is not None
    return replace(name, text=found.word, role=NOUN, replaces=True)
