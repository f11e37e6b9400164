"""The things that compositions are made of: pictures of the archive that anyone recognises, none like another."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")

FAMILIAR_THINGS = 66  # of the pool: the things of seed 0, which other seeds draw last

# Chosen by eye: of pictures that are alike, such as the front and the side of a bus, there is one, and the plural of
# each name is regular. Seed 0 takes the first.
THINGS = (
    "red apple", "cat", "rocket", "sunflower", "guitar", "tiger", "lemon", "penguin", "sailboat", "birthday cake",
    "umbrella", "panda", "strawberry", "bicycle", "cactus", "frog", "hamburger", "crown", "elephant", "doughnut",
    "fire engine", "butterfly", "teapot", "dog", "banana", "trumpet", "owl", "tulip", "tractor", "pineapple",
    "fox", "alarm clock", "octopus", "slice of pizza", "palm tree", "lion", "ice cream cone", "helicopter", "parrot",
    "violin", "green apple", "pig", "snowman", "taxi", "mushroom", "unicorn", "teddy bear", "carrot", "turtle",
    "light bulb", "cupcake", "koala", "drum", "rose", "crab", "key", "duck", "house", "soccer ball", "balloon",
    "whale", "camera", "watermelon", "flamingo", "pumpkin", "giraffe",
    # The rest, which other seeds draw from first.
    "cow", "bear", "raccoon", "hedgehog", "kangaroo", "llama", "horse", "zebra", "monkey", "rabbit", "hamster", "camel",
    "hippopotamus", "peacock", "swan", "rooster", "eagle", "dolphin", "shark", "lobster", "squid", "snake", "dinosaur",
    "crocodile", "snail", "ladybug", "bee", "spider", "pear", "peach", "coconut", "kiwi", "avocado", "eggplant",
    "cucumber", "hot dog", "pretzel", "croissant", "cookie", "waffle", "chocolate bar", "lollipop", "candle",
    "cocktail", "palette", "hibiscus", "saxophone", "accordion", "banjo", "microphone", "bucket",
    "magnet", "wrench", "hammer", "toolbox", "shield", "steam train", "bus", "police car", "ambulance", "truck",
    "motor scooter", "airplane", "flying saucer", "roller skate", "traffic light", "lifebuoy", "anchor", "top hat",
    "sneaker", "boot", "handbag", "backpack", "diamond", "gift", "christmas tree", "crystal ball", "kite", "basketball",
    "boxing glove", "hourglass", "briefcase", "pencil", "microscope", "telescope", "television", "castle", "tent",
    "ferris wheel", "star", "bell", "padlock", "suitcase", "telephone", "computer",
)  # fmt: skip

# Those whose name in the archive is another, or names another picture.
ARCHIVE_NAMES = {
    "backpack": "school satchel", "basketball": "basketball and hoop", "bear": "bear face", "bee": "honeybee",
    "boot": "hiking boot", "camel": "dromedary camel", "castle": "european castle", "cat": "cat face",
    "cocktail": "tropical drink", "computer": "desktop computer", "cow": "cow face", "diamond": "gem stone",
    "dinosaur": "sauropod", "dog": "dog face", "drum": "drum with drumsticks", "eggplant": "aubergine",
    "fox": "fox face", "frog": "frog face", "gift": "wrapped present", "giraffe": "giraffe face",
    "hamster": "hamster face", "house": "house building", "ice cream cone": "soft ice cream", "kiwi": "kiwifruit",
    "ladybug": "lady beetle", "lifebuoy": "ring buoy", "light bulb": "electric light bulb", "lion": "lion face",
    "monkey": "monkey face", "padlock": "lock", "palette": "artist palette", "panda": "panda face", "pig": "pig face",
    "pumpkin": "jack-o-lantern", "rabbit": "rabbit face", "sneaker": "athletic shoe",
    "star": "white medium star", "steam train": "steam locomotive", "suitcase": "luggage",
    "telephone": "black telephone", "tiger": "tiger face", "traffic light": "vertical traffic light",
    "truck": "delivery truck", "unicorn": "unicorn face", "whale": "spouting whale", "zebra": "zebra face",
}  # fmt: skip


def drawn(pool: Sequence[str], count: int, seed: int, first: int) -> tuple[str, ...]:
    """`count` members of a pool. Seed 0 takes them in order; another seed those beyond the `first` ones rather.

    So the corpus of another seed is another: of other things and other colours, as far as the pool has them.
    """
    if seed == 0:
        return tuple(pool[:count])
    rest, familiar = (shuffled(part, f"{seed} drawn") for part in (pool[first:], pool[:first]))
    return (*rest, *familiar)[:count]


def shuffled(items: Iterable[T], key: str) -> list[T]:
    """The items in an order that a hash of the key decides: on every machine the same."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{key} {item}".encode()).digest())
