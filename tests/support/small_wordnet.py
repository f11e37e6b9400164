"""A WordNet of a few nouns, in the format of wndb(5WN). Written for these tests."""

from pathlib import Path

# Words of one meaning, the number of their lexicographer file, and what they are a kind of.
KINDS = """
entity 03
location 03 entity
region 15 location
country 15 region
European_country 15 country
city 15 region
state 15 region
American_state 15 state
structure 06 entity
tower 06 structure
mausoleum 06 structure
hotel 06 structure
center,centre 06 structure
person 18 entity
artist 18 person
worker 18 person
actor 18 person
musician 18 person
president 18 person
inhabitant 18 person
disciple 18 person
Apostle 18 disciple
Pakistani 18 inhabitant
organization 14 entity
union 14 organization
event 11 entity
festival 11 event
film_festival 11 festival
Christmas 28 event
plant 20 entity
tree 20 plant
Christmas_tree 20 tree
animal 05 entity
dog 05 animal
German_shepherd 05 dog
aircraft,plane 06 entity
sculpture 06 entity
office 06 entity
debris 27 entity
premiere 11 event
child 18 person
bay 17 location
lake 17 location
lake_trout 05 animal
music 10 entity
"""

# The same of single things, with what they are instances of.
INSTANCES = """
France 15 European_country
Tennessee 15 American_state
Bristol 15 city
Paris 15 city
Los_Angeles 15 city
United_Kingdom,UK 15 country
Taj_Mahal 06 mausoleum
Eiffel_Tower 06 tower
Lake_Michigan 17 lake
Peter 18 Apostle
"""

EXCEPTIONS = "children child\nmen man\n"
LICENCE = "  1 This file begins as those of WordNet do, with lines that are no entries.  \n"


def write_wordnet(folder: Path) -> Path:
    """Writes the database files and returns the folder."""
    synsets = [(*_fields(line), "@") for line in KINDS.split("\n") if line]
    synsets += [(*_fields(line), "@i") for line in INSTANCES.split("\n") if line]
    offsets: dict[str, int] = {}
    lines: list[str] = []
    for words, category, kind, mark in synsets:  # what a synset points to is before it
        pointer = f"001 {mark} {offsets[kind]:08d} n 0000" if kind else "000"
        at = len(LICENCE) + sum(map(len, lines))
        listed = " ".join(f"{word} 0" for word in words)
        lines.append(f"{at:08d} {category} n {len(words):02x} {listed} {pointer} | a meaning  \n")
        offsets |= dict.fromkeys(words, at)
    index = [f"{word.lower()} n 1 1 @ 1 0 {at:08d}  \n" for word, at in sorted(offsets.items())]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.noun").write_text(LICENCE + "".join(lines), "ascii")
    (folder / "index.noun").write_text(LICENCE + "".join(index), "ascii")
    (folder / "noun.exc").write_text(EXCEPTIONS, "ascii")
    return folder


def _fields(line: str) -> tuple[list[str], str, str]:
    words, category, *kind = line.split()
    return words.split(","), category, *(kind or [""])
