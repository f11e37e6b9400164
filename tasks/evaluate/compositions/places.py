"""The places of composed pictures where a thing can be."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tasks.compositions.rendering import SLOTS, Layout, Slot

MARGIN = 1.25  # of a crop beyond the thing, so that its size can be seen
SAME_PLACE = 0.05  # between the centres of two slots that are taken for one
SAME_SIZE = 1.2


@dataclass(frozen=True)
class Places:
    """The different slots of all layouts.

    Attributes:
        boxes: centre from the left, from the top, and side of each, with a margin around the thing.
        of: by layout, the numbers of its places, in the order of its things.
    """

    boxes: tuple[tuple[float, float, float], ...]
    of: Mapping[Layout, tuple[int, ...]]


@cache
def places() -> Places:
    """Slots that lie in nearly the same place, such as the left one of two things and of two copies, are one."""
    known: list[Slot] = []
    of: dict[Layout, tuple[int, ...]] = {}
    for layout, slots in SLOTS.items():
        numbers = []
        for slot in slots:
            number = next((i for i, other in enumerate(known) if _alike(slot, other)), len(known))
            known += [slot] if number == len(known) else []
            numbers.append(number)
        of[layout] = tuple(numbers)
    return Places(tuple((slot.x, slot.y, slot.side * MARGIN) for slot in known), of)


def _alike(one: Slot, two: Slot) -> bool:
    near = max(abs(one.x - two.x), abs(one.y - two.y)) <= SAME_PLACE
    return near and max(one.side, two.side) <= SAME_SIZE * min(one.side, two.side)
