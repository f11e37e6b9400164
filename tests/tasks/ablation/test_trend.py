"""Gains per doubling beside least squares and a worked example, and how often intervals hold the truth."""

import numpy as np
import pytest
from scipy.stats import f_oneway
from support.grids import values_of

from tasks.ablation.trend import GridValues

DATA, PARAMETERS = (0.25, 0.5, 1.0), (100_000, 250_000, 1_000_000)
LEAST = 0.93  # of a nominal 0.95


def gains(values: GridValues) -> tuple[float, float]:
    weights = values.per_doubling_of_data, values.per_doubling_of_parameters
    return tuple(values.contrast(each).value for each in weights)


def test_a_worked_example() -> None:
    """Each doubling of data adds 2, each of parameters 3; the runs of each cell lie 1 above and 1 below."""
    cells = np.array([[10.0, 13.0], [12.0, 15.0]])
    apart = np.array([[1.0, -1.0], [-1.0, 1.0]])
    values = values_of((0.5, 1.0), (100, 200), np.stack([cells + apart, cells - apart], -1))
    data, model = (values.contrast(w) for w in (values.per_doubling_of_data, values.per_doubling_of_parameters))
    assert (data.value, model.value) == (2.0, 3.0)
    # Squares 8 over (4 - 1)(2 - 1) degrees of freedom; weights of 1/2 on four means of two: 8/3 / 2; t of 3 is 3.18245.
    half = 3.1824463 * (8 / 3 / 2) ** 0.5
    assert (data.low, data.high) == pytest.approx((2 - half, 2 + half), rel=1e-6)
    assert model.high - model.low == pytest.approx(2 * half, rel=1e-6)
    # Of 34 in all: 8 * 1 by data, 8 * 1.5^2 by model, none by both together or by seeds, 8 left.
    assert values.variance_shares() == pytest.approx(
        {"data": 8 / 34, "model": 18 / 34, "data with model": 0.0, "seed": 0.0, "rest": 8 / 34}
    )


def test_the_gains_are_the_slopes_of_least_squares() -> None:
    runs = np.random.default_rng(1).normal(size=(3, 3, 2))
    logs = np.meshgrid(np.log2(DATA), np.log2(PARAMETERS), indexing="ij")
    design = np.stack([np.ones(18), *(np.repeat(axis[..., None], 2, -1).ravel() for axis in logs)], 1)
    slopes = np.linalg.lstsq(design, runs.ravel(), rcond=None)[0]
    assert gains(values_of(DATA, PARAMETERS, runs)) == pytest.approx(slopes[1:], rel=1e-6)


def test_the_variance_of_data_alone_is_that_of_a_one_way_analysis() -> None:
    """scipy's F of the three shares, from the sums of squares."""
    runs = np.random.default_rng(2).normal(size=(3, 3, 2)) + np.array([0.0, 0.5, 2.0])[:, None, None]
    between = values_of(DATA, PARAMETERS, runs).variance_shares()["data"]
    statistic = (between / 2) / ((1 - between) / 15)
    assert statistic == pytest.approx(f_oneway(*(of.ravel() for of in runs)).statistic, rel=1e-6)


def test_the_parts_of_the_variance_are_all_of_it() -> None:
    for seeds in (1, 3):
        shares = values_of(DATA, PARAMETERS, np.random.default_rng(3).normal(size=(3, 3, seeds))).variance_shares()
        assert sum(shares.values()) == pytest.approx(1.0)


def test_runs_that_do_not_differ_have_no_variance_to_share() -> None:
    assert values_of(DATA, PARAMETERS, np.ones((3, 3, 2))).variance_shares() == {}


def test_a_seed_that_is_better_in_all_cells_widens_no_interval() -> None:
    runs = np.random.default_rng(4).normal(size=(3, 3, 2))
    plain, shifted = (values_of(DATA, PARAMETERS, each) for each in (runs, runs + np.array([0.0, 10.0])))
    weights = plain.per_doubling_of_data
    assert shifted.contrast(weights).low == pytest.approx(plain.contrast(weights).low, rel=1e-6)


def test_a_scale_below_zero_turns_a_fall_into_a_gain() -> None:
    values = values_of(DATA, PARAMETERS, np.random.default_rng(5).normal(size=(3, 3, 2)))
    plain, turned = (values.contrast(values.per_doubling_of_data, scale) for scale in (1.0, -2.0))
    assert (turned.value, turned.low, turned.high) == pytest.approx((-2 * plain.value, -2 * plain.high, -2 * plain.low))


@pytest.mark.parametrize(("shape", "bent"), [((3, 3, 2), 0.3), ((2, 2, 3), 0.0), ((3, 3, 1), 0.0), ((2, 3, 1), 0.0)])
def test_intervals_over_seeds_hold_the_slopes(shape: tuple[int, int, int], bent: float) -> None:
    """Also where the surface is no plane, as far as seeds tell the scatter: the slope is that of the best plane."""
    random, trials, held = np.random.default_rng(6), 1000, 0
    data, parameters = DATA[: shape[0]], PARAMETERS[: shape[1]]
    logs = np.log2(data)[:, None], np.log2(parameters)[None]
    surface = 0.5 * logs[0] + 0.2 * logs[1] + bent * logs[0] * logs[1]
    weights = values_of(data, parameters, surface[..., None]).per_doubling_of_data
    true = float((weights * surface).sum())
    for _ in range(trials):
        runs = surface[..., None] + random.normal(size=shape) + random.normal(size=shape[2])
        estimate = values_of(data, parameters, runs).contrast(weights)
        held += estimate.low <= true <= estimate.high
    assert held / trials >= LEAST


@pytest.mark.parametrize("same", [True, False])
def test_intervals_over_prompts_hold_the_gain_for_all_captions(same: bool) -> None:
    """Captions differ in how much they gain; a seed draws the same ones, or others."""
    random, trials, held, prompts, seeds, drawings = np.random.default_rng(7), 400, 0, 40, 2, 4
    logs = np.log2(DATA)[:, None] + 0 * np.log2(PARAMETERS)[None]
    everyone = random.normal(0.1, 0.15, size=20_000)
    true = np.mean(np.clip(0.5 + everyone[:, None, None] * (logs + 1), 0.02, 0.98), 0)
    for _ in range(trials):
        of_prompts = random.normal(0.1, 0.15, size=(1 if same else seeds, prompts))
        values = []
        for seed in range(seeds):
            gain = of_prompts[0 if same else seed]
            right = np.clip(0.5 + gain[:, None, None] * (logs + 1), 0.02, 0.98)
            drawn = random.binomial(drawings, right) / drawings
            values.append({f"{0 if same else seed} {p}": each for p, each in enumerate(drawn)})
        grid = GridValues(DATA, PARAMETERS, values)
        weights = grid.per_doubling_of_data
        estimate = grid.contrast(weights)
        held += estimate.low <= (weights * true).sum() <= estimate.high
    assert held / trials >= LEAST
