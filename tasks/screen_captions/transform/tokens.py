"""Words of captions with their parts of speech, by textblob's tagger or by a spaCy model of the user's."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

TOKEN = re.compile(
    r"(?:[A-Z]\.){2,}"  # U.S.
    r"|[A-Z]\.(?=\s[A-Z])"  # John C. Reilly
    r"|(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|Mt)\."
    r"|\d+(?:[.,/:]\d+)+"  # 1,000  3/4
    r"|['\u2019]s\b"
    r"|\w+(?:[-'\u2019&](?!s\b)\w+)*"  # don't  AT&T  snow-covered
    r"|\S"
)


@dataclass(frozen=True)
class Token:
    """A word or mark. `tag`: of the Penn Treebank; `label`: of an entity it is part of, by spaCy; `spaced`: whether a
    space is before it."""

    text: str
    tag: str
    label: str
    spaced: bool

    @property
    def lower(self) -> str:
        return self.text.lower()

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()


# The words of each caption → their tags and labels.
Tagger = Callable[[Sequence[list[str]]], Iterator[list[tuple[str, str]]]]


def tokens_of(captions: Sequence[str], tagger: Tagger) -> Iterator[list[Token]]:
    """The tokens of every caption."""
    matches = [list(TOKEN.finditer(caption)) for caption in captions]
    words = [[match.group() for match in found] for found in matches]
    for caption, found, tagged in zip(captions, matches, tagger(words), strict=True):
        yield [
            Token(match.group(), tag, label, match.start() > 0 and caption[match.start() - 1] == " ")
            for match, (tag, label) in zip(found, tagged, strict=True)
        ]


def textblob_tags(captions: Sequence[list[str]]) -> Iterator[list[tuple[str, str]]]:
    """Tags by the tagger in textblob, which knows no entities."""
    from textblob.en import tag

    for words in captions:
        yield [(found, "") for _, found in tag(" ".join(words), tokenize=False)] if words else []


@cache
def spacy_tagger(model: str) -> Tagger:
    """A tagger by the spaCy model of this name, or in this folder. Opened once in each process."""
    import spacy
    from spacy.tokens import Doc

    nlp: Any = spacy.load(model)

    def tags(captions: Sequence[list[str]]) -> Iterator[list[tuple[str, str]]]:
        for doc in nlp.pipe(Doc(nlp.vocab, words=words) for words in captions):
            yield [(token.tag_, token.ent_type_) for token in doc]

    return tags
