"""Inputs for readers of strangers' files: put together from fragments, or real files that were changed."""

import os
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from support.mutations import mutated

FUZZ_S = float(os.environ.get("FUZZ_SECONDS", "10"))  # for each reader
Example = TypeVar("Example")


def fuzz(make: Callable[[random.Random], Example], check: Callable[[Example], None], seed: int = 0) -> int:
    """Checks one example after another for FUZZ_S seconds; how many there were.

    Raises:
        AssertionError: the check raised something; names the example.
    """
    chance = random.Random(seed)
    count, end, slowest = 0, time.monotonic() + FUZZ_S, 0.0
    while time.monotonic() < end:
        example = make(chance)
        begin = time.monotonic()
        try:
            check(example)
        except Exception as error:
            raise AssertionError(f"example {count} of seed {seed}: {example!r}") from error
        count, slowest = count + 1, max(slowest, time.monotonic() - begin)
    print(f"{count} examples, the slowest took {slowest:.2f} s")
    return count


def pieces(chance: random.Random, fragments: Sequence[bytes], most: int = 40) -> bytes:
    """Fragments in a row, and random bytes between some of them."""
    return b"".join(
        chance.randbytes(chance.randint(0, 12)) if chance.random() < 0.1 else chance.choice(fragments)
        for _ in range(chance.randint(0, most))
    )


def spliced(chance: random.Random, file: bytes, fragments: Sequence[bytes]) -> bytes:
    """A real file with fragments put in, and some of its bytes changed."""
    for _ in range(chance.randint(0, 4)):
        at = chance.randint(0, len(file))
        file = file[:at] + pieces(chance, fragments, 3) + file[at + chance.choice((0, 0, 1, 20)) :]
    return mutated(file, chance) if chance.random() < 0.7 else file
