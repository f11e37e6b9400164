"""Every interval holds the truth about as often as it says, for as many prompts and candidates as evaluations have."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from tasks.evaluate.means import difference_of_shares, mean, ratio_of_means
from tasks.evaluate.quantities import Estimate
from tasks.evaluate.statistics import expected_proportion, mean_share, proportion, proportion_of_groups

LEAST = 0.93  # of a nominal 0.95
STUDIES = 1500
CANDIDATES = 8
Draw = Callable[[Generator, tuple[int, int]], NDArray[np.float64]]

# Values by what they are like, each with its mean.
VALUES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda random, shape: random.normal(size=shape), 0.0),
    "uniform": (lambda random, shape: random.random(shape), 0.5),
    "skewed": (lambda random, shape: random.exponential(size=shape), 1.0),
    "skewed to the left": (lambda random, shape: -random.exponential(size=shape), -1.0),
    "very skewed": (lambda random, shape: random.gamma(0.5, size=shape), 0.5),
    "with a long tail": (lambda random, shape: random.lognormal(0, 0.8, shape), float(np.exp(0.32))),
    "with two long tails": (lambda random, shape: random.standard_t(3, shape), 0.0),
    "mostly zero": (lambda random, shape: (random.random(shape) < 0.3) * random.exponential(size=shape), 0.3),
    "mostly equal, then far to either side": (
        lambda random, shape: random.choice([-1.0, 0, 0, 0, 1], shape) * random.exponential(size=shape),
        0.0,
    ),
}
SHARES = (0.003, 0.02, 0.05, 0.1, 0.3, 0.5, 0.9, 0.98)
LIKENESS = {"equal": 1e-3, "nearly equal": 0.3, "alike": 1.0, "somewhat alike": 10.0, "independent": 1e5}


def held(estimates: Iterable[Estimate], true: float) -> float:
    """The share of intervals that hold the truth."""
    return float(np.mean([each.low - 1e-7 <= true <= each.high + 1e-7 for each in estimates]))


def chances(random: Generator, share: float, likeness: float, prompts: int) -> NDArray[np.float64]:
    """Of a hit, for each prompt: [STUDIES, prompts]."""
    return random.beta(share * likeness, (1 - share) * likeness, (STUDIES, prompts))


@pytest.mark.parametrize("prompts", [24, 64])
@pytest.mark.parametrize("kind", VALUES)
def test_the_interval_of_a_mean_holds_it(kind: str, prompts: int) -> None:
    draw, true = VALUES[kind]
    samples = draw(np.random.default_rng(1), (STUDIES, prompts))
    assert held([mean(row) for row in samples], true) >= LEAST


@pytest.mark.parametrize(("kind", "most"), [("skewed", 0.925), ("very skewed", 0.9), ("mostly zero", 0.9)])
def test_a_percentile_bootstrap_would_not(kind: str, most: float) -> None:
    draw, true = VALUES[kind]
    random, prompts = np.random.default_rng(1), 24
    weights = random.multinomial(prompts, np.full(prompts, 1 / prompts), size=500) / prompts
    low, high = np.percentile(draw(random, (STUDIES, prompts)) @ weights.T, [2.5, 97.5], axis=1)
    assert np.mean((low <= true) & (true <= high)) < most


@pytest.mark.parametrize("prompts", [24, 64])
@pytest.mark.parametrize("share", SHARES)
def test_the_interval_of_a_share_holds_it(share: float, prompts: int) -> None:
    hits = np.random.default_rng(2).random((STUDIES, prompts)) < share
    assert held([proportion(row) for row in hits.tolist()], share) >= LEAST


@pytest.mark.parametrize("likeness", LIKENESS)
@pytest.mark.parametrize("share", SHARES)
def test_the_intervals_over_prompts_of_many_candidates_hold_the_share(share: float, likeness: str) -> None:
    random, prompts = np.random.default_rng(3), 36
    drawn = random.binomial(CANDIDATES, chances(random, share, LIKENESS[likeness], prompts))
    groups = np.arange(CANDIDATES) < drawn[..., None]
    assert held([proportion_of_groups(study) for study in groups.tolist()], share) >= LEAST
    assert held([expected_proportion(study) for study in drawn / CANDIDATES], share) >= LEAST


@pytest.mark.parametrize("unlike", [0.02, 0.05, 0.2, 0.5, 0.95])
@pytest.mark.parametrize("prompts", [16, 24])
def test_the_interval_of_a_mean_of_shares_holds_it_where_few_prompts_are_unlike_all_others(
    unlike: float, prompts: int
) -> None:
    random = np.random.default_rng(5)
    alike = random.beta(2, 8, (STUDIES, prompts, CANDIDATES)).mean(-1)
    shares = np.where(random.random((STUDIES, prompts)) < unlike, 1.0, alike)
    true = unlike + (1 - unlike) * 0.2
    assert held([mean_share(study) for study in shares.tolist()], true) >= LEAST


@pytest.mark.parametrize("candidates", [1, CANDIDATES])
@pytest.mark.parametrize("likeness", ["nearly equal", "alike", "independent"])
@pytest.mark.parametrize(
    ("a", "b"), [(0.005, 0.02), (0.02, 0.1), (0.1, 0.1), (0.3, 0.5), (0.5, 0.5), (0.9, 0.97), (0.98, 0.98)]
)
def test_the_interval_of_a_difference_of_shares_holds_it(a: float, b: float, likeness: str, candidates: int) -> None:
    random, prompts = np.random.default_rng(4), 24
    of_a, of_b = (
        random.binomial(candidates, chances(random, share, LIKENESS[likeness], prompts)) / candidates
        for share in (a, b)
    )
    assert held([difference_of_shares(study) for study in of_a - of_b], 100 * (a - b)) >= LEAST


def test_a_difference_of_right_and_wrong_has_the_interval_of_bonett_and_price() -> None:
    estimate = difference_of_shares([1.0] * 3 + [-1.0] + [0.0] * 16)  # 3 and 1 discordant pairs of 20
    p12, p21, n = 4 / 22, 2 / 22, 22
    half = 1.959964 * np.sqrt((p12 + p21 - (p12 - p21) ** 2) / n)
    expected = (10.0, 100 * (p12 - p21 - half), 100 * (p12 - p21 + half))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(expected, abs=1e-5)


def test_prompts_that_do_not_differ_leave_a_difference_possible() -> None:
    estimate = difference_of_shares([0.0] * 24)
    assert estimate.low < -5 < 0 < 5 < estimate.high
    assert estimate.value == 0


def test_the_interval_of_a_ratio_holds_it() -> None:
    random = np.random.default_rng(0)
    held = []
    for _ in range(500):
        whole = random.gamma(2.0, 1.0, 60)
        estimate = ratio_of_means((whole * random.uniform(0, 0.6, 60)).tolist(), whole.tolist())
        held.append(estimate.low <= 0.3 <= estimate.high)
    assert np.mean(held) >= 0.93


def test_a_ratio_is_of_sums_and_there_is_none_to_nothing() -> None:
    assert ratio_of_means([1, 1], [1, 3]).value == 0.5
    for denominators in ([], [0.0]):
        with pytest.raises(ValueError, match="no ratio"):
            ratio_of_means([0.0] * len(denominators), denominators)
