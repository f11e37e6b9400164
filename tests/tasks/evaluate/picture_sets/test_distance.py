"""Distances and scores equal those of the libraries that define them, and their intervals hold what they should."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from scipy.linalg import sqrtm
from scipy.special import log_softmax

from tasks.evaluate.picture_sets.distance import (
    Gaussian,
    class_score,
    distance,
    excess,
    frechet_distance,
    left_out,
    score,
)
from tasks.evaluate.quantities import Estimate

LEAST = 0.93  # of a nominal 0.95
STUDIES = 200


def features(n: int, seed: int, dimensions: int = 24, shift: float = 0.0) -> np.ndarray:
    """As a network gives them: never below 0, and correlated."""
    mixing = np.random.default_rng(99).normal(size=(dimensions, dimensions))
    values = np.random.default_rng(seed).normal(size=(n, dimensions)) @ mixing + shift
    return np.maximum(values, 0).astype(np.float32)


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.astype(np.float64).mean(0), np.cov(values.astype(np.float64), rowvar=False)


def ours(one: np.ndarray, other: np.ndarray) -> float:
    return frechet_distance(Gaussian.of(one), Gaussian.of(other))


class Anything(type):
    """A stand-in for torchvision, of which the reference libraries use nothing here: each of its names is a class."""

    def __getattr__(cls, name: str) -> "Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {})


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ("", ".datasets", ".models", ".models.inception", ".models.utils", ".transforms", ".transforms.functional")
    for part in parts:
        monkeypatch.setitem(sys.modules, f"torchvision{part}", Anything("torchvision", (), {"__path__": []}))
    for name in ("torch_fidelity", "pytorch_fid", "cleanfid"):
        pytest.importorskip(
            name, reason="pip install --no-deps torch-fidelity==0.3.0 pytorch-fid==0.3.0 clean-fid==0.1.35"
        )


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(("n", "others"), [(200, 150), (400, 30)])
def test_the_distance_is_that_of_three_libraries_given_the_same_features(n: int, others: int) -> None:
    from cleanfid.fid import frechet_distance as of_clean_fid
    from pytorch_fid.fid_score import calculate_frechet_distance as of_pytorch_fid
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    one, other = features(n, seed=0), features(others, seed=1, shift=0.5)
    (mu, sigma), (other_mu, other_sigma) = moments(one), moments(other)
    pair = ({"mu": mu, "sigma": sigma}, {"mu": other_mu, "sigma": other_sigma})
    found = ours(one, other)
    by_torch_fidelity = fid_statistics_to_metric(*pair, verbose=False)["frechet_inception_distance"]
    assert found == pytest.approx(by_torch_fidelity, rel=1e-6)
    assert found == pytest.approx(of_pytorch_fid(mu, sigma, other_mu, other_sigma), rel=1e-6)
    assert found == pytest.approx(of_clean_fid(mu, sigma, other_mu, other_sigma), rel=1e-6)


def test_the_distance_of_fewer_pictures_than_features_is_that_of_their_covariances() -> None:
    one, other = features(16, seed=0), features(12, seed=1, shift=0.5)
    (mu, sigma), (other_mu, other_sigma) = moments(one), moments(other)
    between = mu - other_mu
    root = sqrtm(sigma @ other_sigma).real
    expected = between @ between + np.trace(sigma + other_sigma - 2 * root)
    assert ours(one, other) == pytest.approx(expected, rel=1e-3)


@pytest.mark.usefixtures("libraries")
def test_the_score_is_that_of_torch_fidelity_given_the_same_classes() -> None:
    from torch import from_numpy
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = np.random.default_rng(0).normal(0, 3, (300, 40)).astype(np.float32)
    expected = isc_features_to_metric(from_numpy(logits), splits=1)["inception_score_mean"]
    assert class_score(np.exp(log_softmax(logits, 1))) == pytest.approx(expected, rel=1e-5)


def test_a_set_has_no_distance_to_itself_and_order_does_not_matter() -> None:
    one = features(50, seed=0)
    assert ours(one, one[::-1]) == pytest.approx(0, abs=1e-4)
    assert ours(one, features(60, seed=1)) == pytest.approx(ours(features(60, seed=1), one))


def test_distances_of_few_pictures_are_larger() -> None:
    far, near = ours(features(20, 0), features(20, 1)), ours(features(2000, 0), features(2000, 1))
    assert far > 20 * near


def test_pictures_that_are_all_alike_or_recognised_as_nothing_score_one() -> None:
    alike = np.tile(np.float32([0.7, 0.2, 0.1, 0]), (20, 1))
    nothing = np.full((20, 4), 0.25, np.float32)
    each_another = np.eye(4, dtype=np.float32)[np.arange(20) % 4]
    assert [class_score(each) for each in (alike, nothing, each_another)] == pytest.approx([1, 1, 4])
    assert score(alike).low == score(alike).high == pytest.approx(1)


@pytest.mark.parametrize("n", [3, 50, 64, 65, 500])
def test_each_picture_is_left_out_once_or_all_but_a_few_of_them(n: int) -> None:
    out = [set(range(n)) - set(kept[:, 0].tolist()) for kept in left_out(np.arange(n)[:, None])]
    assert len(set(map(len, out))) == 1
    assert sum(map(len, out)) == len(set.union(*out)) > n - len(out[0])
    assert len(out) <= 64


def held(n: int, others: int, of: Callable[[Generator, int, int], Estimate]) -> float:
    """The share of intervals that hold what such sets have on average."""
    random = np.random.default_rng(5)
    found = [of(random, n, others) for _ in range(STUDIES)]
    true = float(np.mean([each.value for each in found]))
    return float(np.mean([each.low <= true <= each.high for each in found]))


POPULATIONS: dict[str, Callable[[Generator, int, float], np.ndarray]] = {
    "as a network gives them": lambda random, n, shift: np.maximum(random.normal(shift, 1, (n, 30)), 0),
    "skewed": lambda random, n, shift: shift + random.exponential(size=(n, 30)),
    "of a few kinds": lambda random, n, shift: (
        shift + 2 * np.eye(6).repeat(5, 1)[random.integers(6, size=n)] + random.normal(0, 0.3, (n, 30))
    ),
}


@pytest.mark.parametrize(("n", "others"), [(24, 40), (40, 24)])
@pytest.mark.parametrize("kind", POPULATIONS)
def test_the_interval_of_a_distance_holds_that_of_other_pictures(kind: str, n: int, others: int) -> None:
    draw = POPULATIONS[kind]
    assert held(n, others, lambda random, n, m: distance(draw(random, n, 0.4), draw(random, m, 0.0))) >= LEAST


def test_features_with_very_long_tails_on_both_sides_are_held_a_little_less_often() -> None:
    """Networks give means over places of a picture, which have none. Student's t of 4: 93 % of 600."""

    def study(random: Generator, n: int, others: int) -> Estimate:
        return distance(0.4 + random.standard_t(4, (n, 30)), random.standard_t(4, (others, 30)))

    assert 0.9 <= held(40, 24, study) < 0.96


@pytest.mark.parametrize("kind", POPULATIONS)
def test_the_interval_of_the_excess_holds_it_also_where_there_is_none(kind: str) -> None:
    draw = POPULATIONS[kind]

    def study(random: Generator, n: int, others: int) -> Estimate:
        return excess(draw(random, n, 0.0), draw(random, n, 0.0), draw(random, others, 0.0))

    assert held(24, 40, study) >= LEAST


@pytest.mark.parametrize("sharpness", [0.3, 2.0, 6.0])
@pytest.mark.parametrize("n", [24, 60])
def test_the_interval_of_a_score_holds_that_of_other_pictures(n: int, sharpness: float) -> None:
    def study(random: Generator, n: int, _: int) -> Estimate:
        logits = sharpness * random.normal(np.linspace(0, 1, 20), 1, (n, 20))
        return score(np.exp(log_softmax(logits, 1)))

    assert held(n, 0, study) >= LEAST
