"""The nouns of WordNet, read from its database files. Format: wndb(5WN) of WordNet 3.0; 3.1 has the same."""

import mmap
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from tasks.crawl.sources.folder_files import digest_of
from tasks.engine import storage
from tasks.errors import ConfigError

FILES = ("index.noun", "data.noun", "noun.exc")
PERSON = 18  # number of the lexicographer file noun.person

# What plurals end with, and the singulars (morphy(7WN)).
ENDINGS = (
    ("ches", "ch"), ("shes", "sh"), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ies", "y"), ("men", "man"), ("s", ""),
)  # fmt: skip


@dataclass(frozen=True)
class Synset:
    """Words for one meaning. `kinds`: synsets of what it is a kind of, or if `is_instance`, what it is one of."""

    category: int  # number of its lexicographer file
    words: tuple[str, ...]  # with underscores for spaces, and capital letters as they are written
    kinds: tuple[int, ...]
    is_instance: bool


class WordNet:
    """Nouns, looked up in lower case with underscores for spaces.

    The index is in memory, 25 MB; the synsets are read when they are asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._offsets: dict[str, list[str]] = {}
        for line in (folder / "index.noun").read_text("ascii").splitlines():
            if not line.startswith(" "):  # the licence
                lemma, _, senses, *rest = line.split()
                self._offsets[lemma] = rest[-int(senses) :]
        exceptions = (line.split() for line in (folder / "noun.exc").read_text("ascii").splitlines())
        self._exceptions = {plural: singulars[0] for plural, *singulars in exceptions}
        with (folder / "data.noun").open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.synset = lru_cache(2**16)(self._read)
        self.ancestors = lru_cache(2**16)(self._climb)
        self.singular = lru_cache(2**16)(self._stem)

    def __contains__(self, phrase: str) -> bool:
        return phrase in self._offsets

    def first_sense(self, phrase: str) -> Synset | None:
        """The most frequent meaning, None if the noun is not known."""
        return self.synset(int(self._offsets[phrase][0])) if phrase in self._offsets else None

    def is_kind(self, phrase: str) -> bool:
        """Whether the phrase names a kind of thing, such as a German shepherd, and no single one, such as Paris."""
        sense = self.first_sense(phrase)
        return sense is not None and not sense.is_instance

    def is_person(self, noun: str) -> bool:
        """Whether the noun is first of all a kind of person, such as artist."""
        sense = self.first_sense(noun)
        return sense is not None and sense.category == PERSON and not sense.is_instance

    def hypernym(self, synset: Synset) -> str | None:
        """What it is one of, in plain words: the nearest without a capital letter, so France is a country."""
        waiting = list(synset.kinds)
        while waiting:
            kind = self.synset(waiting.pop(0))
            if kind.words[0].islower():
                return kind.words[0].replace("_", " ")
            waiting.extend(kind.kinds)
        return None

    def _stem(self, noun: str) -> str | None:
        """The noun itself, or its singular, if it is known."""
        if noun in self._exceptions and self._exceptions[noun] in self:
            return self._exceptions[noun]
        if noun in self:
            return noun
        stems = (noun.removesuffix(ending) + singular for ending, singular in ENDINGS if noun.endswith(ending))
        return next((stem for stem in stems if stem in self), None)

    def _climb(self, synset: Synset) -> frozenset[str]:
        """The first words of all that it is a kind of, its own included."""
        kinds = (self.ancestors(self.synset(offset)) for offset in synset.kinds)
        return frozenset({synset.words[0]}).union(*kinds)

    def _read(self, offset: int) -> Synset:
        line = self._data[offset : self._data.find(b"\n", offset)].decode("ascii")
        fields = line.partition(" | ")[0].split()
        words = 4 + 2 * int(fields[3], 16)
        pointers = fields[words + 1 : words + 1 + 4 * int(fields[words])]
        kinds = [(mark, int(at)) for mark, at in zip(pointers[::4], pointers[1::4], strict=True) if mark in ("@", "@i")]
        is_instance = any(mark == "@i" for mark, _ in kinds)
        return Synset(int(fields[1]), tuple(fields[4:words:2]), tuple(at for _, at in kinds), is_instance)


@cache
def wordnet(folder: str) -> WordNet:
    """The WordNet of a folder, opened once in each process."""
    return WordNet(Path(folder).expanduser())


def require(folder: str, setting: str) -> None:
    """WordNet's nouns are in the folder.

    Raises:
        ConfigError: they are not.
    """
    place = Path(folder).expanduser()
    if missing := [name for name in FILES if not (place / name).is_file()]:
        raise ConfigError(
            f"{setting}: {place} has no {missing[0]} of WordNet: install it, on Debian and Ubuntu with "
            "`apt install wordnet-base`, or name the folder of its database files."
        )


def digest(folder: str) -> str:
    """Digest of what is read of the folder."""
    digests = (digest_of(Path(folder).expanduser() / name) for name in FILES)
    return storage.sha256("\n".join(digests).encode())
