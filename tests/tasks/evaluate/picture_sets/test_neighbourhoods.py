"""Precision, recall, density and coverage equal a plain reckoning with all distances, and fall where they ought to."""

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tasks.evaluate.picture_sets.jackknife import Grouped
from tasks.evaluate.picture_sets.neighbourhoods import neighbourhoods

Rows = np.ndarray
NAMES = ("precision", "density", "recall", "coverage")


def pictures(seed: int, n: int, dimensions: int = 8) -> Rows:
    return np.random.default_rng(seed).normal(size=(n, dimensions)).astype(np.float32)


def plain(real: Rows, drawn: Rows, k: int) -> tuple[float, ...]:
    """As the papers define them, over all distances at once; the first neighbour in `sort` is the picture itself."""
    real, drawn = real.astype(float), drawn.astype(float)
    between = cdist(real, drawn)
    real_radii, drawn_radii = (np.sort(cdist(own, own), axis=1)[:, k] for own in (real, drawn))
    in_real, in_drawn = between < real_radii[:, None], between < drawn_radii
    return (
        in_real.any(0).mean(),
        in_real.sum(0).mean() / k,
        in_drawn.any(1).mean(),
        (between.min(1) < real_radii).mean(),
    )


def told(real: Rows, drawn: Rows, k: int = 3) -> dict[str, float]:
    found = neighbourhoods(Grouped.of(real), Grouped.of(drawn), k)
    return {name: getattr(found, name).value for name in NAMES}


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m"), [(60, 40), (270, 300)])  # of one block of rows, and of several
def test_they_are_the_figures_of_the_papers(n: int, m: int, k: int) -> None:
    real, drawn = pictures(0, n), 0.8 * pictures(1, m) + 0.3
    assert tuple(told(real, drawn, k).values()) == pytest.approx(plain(real, drawn, k))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_out_leaves_the_figure_of_the_rest(name: str) -> None:
    real, drawn = Grouped.of(pictures(0, 80)), Grouped.of(0.8 * pictures(1, 93))
    found, place = getattr(neighbourhoods(real, drawn, 3), name), NAMES.index(name)
    without_real = [plain(real.features[real.groups != g], drawn.features, 3)[place] for g in range(20)]
    without_drawn = [plain(real.features, drawn.features[drawn.groups != g], 3)[place] for g in range(20)]
    by_size = {each.pictures.sum(): each.values for each in found.left_out}
    assert by_size[80] == pytest.approx(without_real)
    assert by_size[93] == pytest.approx(without_drawn)


def test_a_picture_on_the_edge_of_a_neighbourhood_is_outside_and_its_own_copy_inside() -> None:
    real = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [9.0, 0.0]], np.float32)
    on_the_edge = np.array([[-1.0, 0.0]] * 4, np.float32)  # as far from the first as its nearest
    assert told(real, on_the_edge, 1)["precision"] == 0
    assert told(real, real[[0, 0, 3, 3]], 1)["precision"] == 1


def test_copies_of_one_set_are_precise_and_recalled_whole() -> None:
    real = pictures(0, 300, 64)
    assert told(real, real, 3) == pytest.approx(
        {"precision": 1, "density": plain(real, real, 3)[1], "recall": 1, "coverage": 1}
    )


def test_a_collapse_to_one_mode_is_precise_but_not_recalled() -> None:
    real = pictures(0, 300)
    whole, collapsed = told(real, pictures(1, 300)), told(real, real[0] + 0.05 * pictures(1, 300))
    assert collapsed["precision"] > 0.95
    assert collapsed["recall"] < 0.1 < 0.5 < whole["recall"]
    assert collapsed["coverage"] < 0.1 < 0.5 < whole["coverage"]


def test_pictures_off_the_real_ones_are_not_precise() -> None:
    real, drawn = pictures(0, 300), pictures(1, 300)
    moved = [told(real, drawn + amount) for amount in (0.0, 0.7, 1.5)]
    for name in ("precision", "density", "coverage"):
        values = [each[name] for each in moved]
        assert values == sorted(values, reverse=True)
        assert values[2] < 0.5 * values[0]


def test_sets_that_change_places_change_precision_for_recall() -> None:
    real, drawn = pictures(0, 200), 0.5 * pictures(1, 150)
    one, other = told(real, drawn), told(drawn, real)
    assert one["precision"] == other["recall"] > other["precision"] == one["recall"]


def test_memory_does_not_grow_with_all_distances() -> None:
    real, drawn = Grouped.of(pictures(0, 2000, 4)), Grouped.of(pictures(1, 2000, 4))
    tracemalloc.start()
    neighbourhoods(real, drawn, 3)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 0.8 * 8 * 2000**2


def test_too_few_pictures_have_no_neighbourhoods() -> None:
    few = Grouped.of(pictures(0, 4))
    with pytest.raises(ValueError, match="too few"):
        neighbourhoods(few, few, 3)
