"""English sentences for the demo's images, made from their names and kinds."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

GROUPS = ("Animals & Nature", "Food & Drink", "Objects", "Smileys & Emotion")

# A plural for each subcategory of the archive, to complete "… is one of the …".
KINDS = {
    "animal-amphibian": "amphibians", "animal-bird": "birds", "animal-bug": "insects and other small animals",
    "animal-mammal": "mammals", "animal-marine": "animals of the sea", "animal-reptile": "reptiles",
    "arts & crafts": "arts and crafts", "award-medal": "awards and medals", "book-paper": "books and papers",
    "cat-face": "cat faces", "clothing": "things to wear", "computer": "things of a computer desk",
    "dishware": "things to eat with", "drink": "drinks", "emotion": "signs of a feeling", "event": "things for a party",
    "face-affection": "loving faces", "face-concerned": "worried faces", "face-costume": "faces of fantasy",
    "face-glasses": "faces with glasses", "face-hand": "faces with a hand", "face-hat": "faces with a hat",
    "face-negative": "angry faces", "face-neutral-skeptical": "doubtful faces", "face-sleepy": "sleepy faces",
    "face-smiling": "smiling faces", "face-tongue": "faces with a tongue", "face-unwell": "unwell faces",
    "food-asian": "dishes of Asia", "food-fruit": "fruits", "food-prepared": "cooked dishes", "food-sweet": "sweets",
    "food-vegetable": "vegetables", "game": "games and toys", "heart": "hearts", "hotel": "things of a hotel",
    "household": "things around the house", "light & video": "lamps and cameras", "lock": "locks and keys",
    "mail": "things of the post", "medical": "things of a doctor", "money": "kinds of money",
    "monkey-face": "monkey faces", "music": "things of music", "musical-instrument": "musical instruments",
    "office": "things of an office", "other-object": "odd objects", "phone": "phones",
    "place-building": "buildings", "place-geographic": "landscapes", "place-map": "maps and landmarks",
    "place-other": "sights of a town", "place-religious": "holy places", "plant-flower": "flowers",
    "plant-other": "plants", "science": "things of science", "sky & weather": "things of the sky and the weather",
    "sound": "things that make a sound", "sport": "sports", "time": "things that tell the time", "tool": "tools",
    "transport-air": "things that fly", "transport-ground": "things of the road and the rails",
    "transport-water": "boats and ships", "writing": "things to write with",
}  # fmt: skip

# Parts of names in the archive, and how a person would write them.
REPAIRS = {
    "anger symbol": "angry spark", "clock face": "clock showing", "womans": "woman's", "mans": "man's",
    "oclock": "o'clock", "\u2019": "'", " symbol": "", "police cars": "police car's",
}  # fmt: skip
# Nouns that take no article, …
UNCOUNTED = frozenset({
    "bacon", "baguette", "billiards", "bowling", "bread", "broccoli", "butter", "camping", "canned", "cooking", "curry",
    "falafel", "fireworks", "fog", "garlic", "honey", "luggage", "maize", "money", "oden", "popcorn", "rice",
    "spaghetti", "sushi", "wood",
})  # fmt: skip
# … names that contain one and take an article all the same, …
COUNTED = frozenset({"rice cracker", "rice ball", "honey pot", "money bag", "money-mouth face"})
# … names with "the", …
UNIQUE = frozenset({"milky way", "statue of liberty", "kaaba"})
# … and names without an article.
BARE = frozenset({"mount fuji", "tokyo tower"})
# Endings in s of words that are no plurals.
SINGULARS_IN_S = ("ss", "us", "is", "rhinoceros")
# What follows the noun that decides the article.
AFTER_HEAD = re.compile(r" (?:of|with|without|in|on|behind|over|at|for|and|throwing) ")


@dataclass(frozen=True)
class Emoji:
    """One row of the archive's table."""

    file: str
    name: str
    group: str
    kind: str
    synonym: str

    @property
    def slug(self) -> str:
        """The file name without its suffix."""
        return self.file.removesuffix(".webp")


def choose(key: str, options: Sequence[T]) -> T:
    """The option that a hash of the key selects: the same key always gives the same option."""
    return options[int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % len(options)]


def plain_name(name: str) -> str:
    """The name as a person would write it."""
    for raw, repaired in REPAIRS.items():
        name = name.replace(raw, repaired)
    return name


def noun_phrase(name: str) -> str:
    """The name with its article, if it takes one."""
    if name in UNIQUE:
        return f"the {name}"
    head = AFTER_HEAD.split(name)[0]
    last = head.split()[-1]
    uncounted = set(head.split()) & UNCOUNTED and name not in COUNTED
    if name in BARE or uncounted or (last.endswith("s") and not last.endswith(SINGULARS_IN_S)):
        return name
    return f"{'an' if name[0] in 'aeiou' and not name.startswith(('euro', 'uni', 'one')) else 'a'} {name}"


def sentence(emoji: Emoji, variant: str = "") -> str:
    """A caption for the image. Another `variant` gives another sentence about the same thing."""
    thing = noun_phrase(plain_name(emoji.name))
    kinds = KINDS.get(emoji.kind, "emoji of all kinds")
    also = _also_known_as(emoji.synonym.replace("_", " "), thing)
    templates = (
        f"a 3D emoji of {thing}, one of the {kinds}",
        f"a shiny 3D rendering of {thing}{also} with soft shadows",
        f"this picture shows {thing}{also} as a glossy 3D emoji",
        f"the emoji for {thing}, which belongs to the {kinds}",
        f"{thing}{also} made of smooth plastic, drawn as a 3D emoji",
        f"a cute little picture of {thing}{also} in bright colours",
    )
    taken = choose(emoji.file, range(len(templates)))
    return templates[(taken + 1 + choose(variant, range(len(templates) - 1))) % len(templates) if variant else taken]


def _also_known_as(synonym: str, thing: str) -> str:
    """Names the thing a second time, if the synonym says something new."""
    words = set(synonym.split())
    new = synonym.replace(" ", "").isalpha() and not words & set(thing.split()) and len(synonym) > 3
    return f", also known as {synonym}," if new else ""
