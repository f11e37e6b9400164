"""The 1,000 classes of ImageNet's challenge of 2012 in kinds, which captions name rather than a breed or a model.

The classes stand in an order in which most kinds are ranges. Written for this project.
"""

from collections.abc import Iterable

Classes = tuple[range | int, ...]

ROAD_VEHICLES: Classes = (
    407, 408, 436, 468, 511, 555, 569, 573, 575, 586, 603, 609, 612, 627, 654, 656, 661, 665, 670, 675, 690, 717, 734,
    751, 757, 779, 802, 803, 817, 847, 864, 866, 867, 874,
)  # fmt: skip
BOATS: Classes = (403, 472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 871, 913, 914)
BICYCLES: Classes = (444, 671, 870, 880)
TRAINS: Classes = (466, 547, 565, 705, 820, 829)
AIRCRAFT: Classes = (404, 405, 417, 812, 895)
INSTRUMENTS: Classes = (
    401, 402, 420, 432, 486, 494, 513, 541, 546, 558, 566, 577, 579, 593, 594, 641, 642, 683, 684, 687, 699, 776, 822,
    875, 881, 889,
)  # fmt: skip

KINDS: dict[str, Classes] = {
    "animal": (range(398),),
    "fish": (range(7), range(389, 398)),
    "bird": (range(7, 25), range(80, 101), range(127, 147)),
    "duck": (97, 98),
    "frog": (range(30, 33),),
    "turtle tortoise": (range(33, 38),),
    "lizard reptile": (range(38, 49),),
    "crocodile alligator": (49, 50),
    "snake": (range(52, 69),),
    "spider": (range(72, 78),),
    "insect bug": (range(300, 327),),
    "beetle": (range(300, 308),),
    "butterfly": (range(321, 327),),
    "crab": (range(118, 122), 125),
    "whale": (147, 148),
    "dog puppy pup hound": (range(151, 269),),
    "wolf": (range(269, 272),),
    "fox": (range(277, 281),),
    "cat kitten kitty": (range(281, 286),),
    "bear": (range(294, 298),),
    "rabbit bunny": (range(330, 333),),
    "horse pony": (339, 603),
    "sheep lamb goat": (range(348, 351),),
    "cow cattle bull": (range(345, 348), 690),
    "deer antelope": (range(351, 354),),
    "monkey ape": (range(365, 383),),
    "elephant": (101, 385, 386),
    "panda": (387, 388),
    "food dish meal": (range(924, 958), range(959, 966)),
    "fruit": (range(948, 958),),
    "vegetable": (range(935, 948),),
    "drink beverage": (441, 572, 907, 925, 966, 967, 968, 969),
    "coffee": (504, 505, 550, 967),
    "cup mug": (504, 572, 647, 967, 968),
    "bottle": (440, 720, 737, 898, 907),
    "flower blossom": (range(984, 987),),
    "mushroom fungus": (947, range(991, 998)),
    "vehicle": (*ROAD_VEHICLES, *BOATS, *BICYCLES, *TRAINS, *AIRCRAFT),
    "car automobile": (407, 436, 468, 511, 573, 609, 627, 656, 661, 717, 734, 751, 817),
    "truck lorry": (555, 569, 675, 717, 864, 867),
    "bus": (654, 779, 874),
    "motorcycle motorbike bike": (665, 670),
    "bicycle bike cycle": BICYCLES,
    "train railway": TRAINS,
    "boat ship": BOATS,
    "plane airplane aeroplane aircraft jet": (404, 895, 908),
    "rocket": (657, 744, 812),
    "instrument music": INSTRUMENTS,
    "guitar": (402, 546),
    "building house architecture": (
        425, 437, 442, 449, 483, 497, 500, 538, 580, 624, 663, 668, 698, 727, 743, 762, 832, 853, 858,
    ),
    "bridge": (821, 839, 888),
    "shop store market": (415, 424, 454, 467, 509, 582, 788, 860, 865),
    "furniture": (423, 453, 493, 495, 516, 520, 526, 532, 548, 553, 559, 564, 703, 736, 765, 831, 846, 857, 894),
    "chair seat": (423, 559, 703, 765, 857),
    "table desk": (526, 532, 736),
    "bed": (516, 520, 564),
    "lamp light": (619, 818, 846),
    "clock time": (409, 530, 531, 604, 826, 835, 892),
    "watch": (531, 826),
    "computer": (508, 527, 590, 620, 664, 673, 681, 782),
    "phone telephone": (487, 528, 707),
    "camera": (732, 759),
    "clothes clothing dress fashion": (
        399, 400, 445, 474, 501, 568, 578, 601, 608, 610, 614, 617, 639, 655, 689, 735, 775, 834, 841, 842, 869,
    ),
    "shoe boot": (502, 514, 630, 770, 774),
    "hat cap": (433, 439, 452, 515, 667, 793, 808),
    "bag": (414, 636, 728, 748, 797),
    "glasses": (836, 837),
    "ball": (429, 430, 522, 574, 722, 768, 805, 852, 890),
    "weapon gun": (413, 471, 763, 764),
    "coast sea ocean shore seaside": (range(975, 979), 460),
    "landscape nature": (970, range(972, 981)),
    "sport game": (422, 429, 430, 560, 574, 602, 702, 722, 746, 752, 768, 795, 805, 852, 890, 981),
}  # fmt: skip

# Words in the names of classes that say what something is like, or where it comes from, not what it is. An image of a
# great white shark is none of all that is great or white.
_DESCRIPTIVE = """
a an and at for in of off on or the to with man up
black blue brown golden gold gray green grey red white yellow dark bright
big giant great large little long miniature old short small standard tall toy common
american african arctic asian australian egyptian english european french german indian irish italian japanese
mexican norwegian persian scottish siamese siberian tibetan welsh west eastern southern northern
hot cold hard soft wild electric free ring banded spotted tailed coated
"""
DESCRIPTIVE = frozenset(_DESCRIPTIVE.split())


def members(classes: Classes) -> Iterable[int]:
    """The numbers of the classes."""
    for part in classes:
        yield from (part,) if isinstance(part, int) else part
