"""The discrepancy is that of the authors' code, and grows with what is made up to be wrong."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tasks.evaluate.picture_sets.jackknife import Grouped
from tasks.evaluate.picture_sets.mmd import squared_mmd

Rows = np.ndarray


def unit(rows: Rows) -> Rows:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def pictures(seed: int, n: int, around: float = 1.0) -> Rows:
    """Unit vectors about a common direction, as those of pictures are."""
    return unit(np.random.default_rng(seed).normal(size=(n, 16)) + around)


def plain_cmmd(x: Rows, y: Rows) -> float:
    """As google-research/cmmd states it: sigma 10, means with the diagonal, times 1000."""

    def kernel(a: Rows, b: Rows) -> Rows:
        return np.exp(-cdist(a.astype(float), b.astype(float), "sqeuclidean") / (2 * 10**2))

    return 1000 * (kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean())


def mmd(x: Rows, y: Rows) -> float:
    return squared_mmd(Grouped.of(x), Grouped.of(y)).value


@pytest.mark.parametrize(("n", "m"), [(30, 50), (300, 280)])  # of one block of rows, and of several
def test_it_is_the_figure_of_the_reference(n: int, m: int) -> None:
    x, y = pictures(0, n), pictures(1, m, around=0.5)
    assert mmd(x, y) == pytest.approx(plain_cmmd(x, y), rel=1e-9)


def test_equal_sets_are_at_zero() -> None:
    assert mmd(pictures(0, 50), pictures(0, 50)) == pytest.approx(0, abs=1e-9)


def test_what_is_left_out_leaves_the_figure_of_the_rest() -> None:
    x, y = Grouped.of(pictures(0, 47)), Grouped.of(pictures(1, 50))
    found = squared_mmd(x, y)
    for left_out, own, rest in zip(found.left_out, (x, y), (y, x), strict=True):
        expected = [plain_cmmd(own.features[own.groups != g], rest.features) for g in range(20)]
        assert left_out.values == pytest.approx(expected, rel=1e-8)


def test_it_grows_with_noise_and_with_a_collapse_to_one_picture() -> None:
    real, drawn = pictures(0, 200), pictures(1, 200)
    noise = np.random.default_rng(2).normal(size=drawn.shape)
    noisy = [mmd(unit(drawn + amount * noise), real) for amount in (0.0, 0.3, 1.0)]
    collapsed = [mmd(np.concatenate([drawn[:kept], drawn[:1].repeat(200 - kept, 0)]), real) for kept in (200, 100, 1)]
    assert noisy == sorted(noisy)
    assert collapsed == sorted(collapsed)
    assert min(noisy[1], collapsed[1]) > 1.5 * noisy[0]


def test_swapped_sets_are_as_far_apart() -> None:
    x, y = pictures(0, 60), pictures(1, 90, around=0.3)
    assert mmd(x, y) == pytest.approx(mmd(y, x))


def test_fewer_pictures_of_one_kind_are_further_apart() -> None:
    few, many = (np.mean([mmd(pictures(s, n), pictures(s + 99, n)) for s in range(10)]) for n in (20, 200))
    assert few / many == pytest.approx(10, rel=0.3)
