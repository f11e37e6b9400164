"""The intervals of the figures of picture sets hold what these would be in the mean over other sets of their sizes."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from tasks.evaluate.picture_sets.jackknife import Grouped, estimate, share
from tasks.evaluate.picture_sets.mmd import squared_mmd
from tasks.evaluate.picture_sets.neighbourhoods import neighbourhoods
from tasks.evaluate.quantities import Estimate

LEAST = 0.93  # of a nominal 0.95
DIMENSIONS = 6

Drawn = Callable[[Generator, int], np.ndarray]

# What is drawn, beside real pictures of a normal distribution: [n, D].
DRAWN: dict[str, Drawn] = {
    "of the same kind": lambda random, n: normal(random, n),
    "moved": lambda random, n: normal(random, n) + 0.6,
    "less varied": lambda random, n: 0.5 * normal(random, n),
    "of few modes": lambda random, n: 0.2 * normal(random, n) + random.integers(0, 2, (n, 1)) * 1.5,
    "far off": lambda random, n: normal(random, n) + 5,
}


def normal(random: Generator, n: int) -> np.ndarray:
    return random.normal(size=(n, DIMENSIONS))


def sets(random: Generator, kind: str, drawn: int, real: int) -> tuple[Grouped, Grouped]:
    return Grouped.of(normal(random, real)), Grouped.of(DRAWN[kind](random, drawn))


def held(estimates: list[Estimate]) -> float:
    """How many hold the mean of all."""
    true = np.mean([each.value for each in estimates])
    return float(np.mean([each.low <= true <= each.high for each in estimates]))


@pytest.mark.parametrize(
    ("kind", "drawn", "real"),
    [(kind, *sizes) for kind in DRAWN for sizes in ((24, 60), (64, 100)) if (kind, sizes[0]) != ("of few modes", 24)],
)
def test_the_interval_of_the_discrepancy_holds_it(kind: str, drawn: int, real: int) -> None:
    random = np.random.default_rng(5)
    found = [squared_mmd(*sets(random, kind, drawn, real)) for _ in range(600)]
    assert held([estimate(each, drawn) for each in found]) >= LEAST


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize(("drawn", "real"), [(24, 60), (64, 100)])
def test_the_intervals_of_neighbourhoods_hold_them(kind: str, drawn: int, real: int) -> None:
    random = np.random.default_rng(6)
    found = [neighbourhoods(*sets(random, kind, drawn, real), 3) for _ in range(150)]
    for name in ("precision", "recall", "coverage"):
        if (kind, name) != ("of few modes", "precision"):
            assert held([share(getattr(each, name), drawn, drawn) for each in found]) >= LEAST, name
    assert held([estimate(each.density, drawn) for each in found]) >= LEAST
