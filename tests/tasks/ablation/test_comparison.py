"""From runs to the table, the curves, the answer and the page."""

import math
import re

import numpy as np
import pytest
from support.grids import made_up_runs

from tasks.ablation.comparison import MEASURES, compare
from tasks.ablation.config import Cell
from tasks.ablation.figures import AblationFigures
from tasks.ablation.page import ablation_page
from tasks.ablation.runs import ByPrompt, Group, PriorRun
from tasks.errors import ModelMismatchError

WIDTH = {"s": 1, "m": 2, "l": 4}


def loss(cell: Cell) -> float:
    """Falls by 0.2 with each doubling of the data and 0.1 with each of the width; seed 1 is 0.02 above seed 0."""
    return 1.5 - 0.2 * math.log2(4 * cell.data) - 0.1 * math.log2(WIDTH[cell.model]) + 0.02 * cell.seed


def right(cell: Cell) -> dict[Group, ByPrompt]:
    """Drawings of 20 captions, right the more often the lower the loss."""
    random = np.random.default_rng([round(100 * cell.data), WIDTH[cell.model], cell.seed])
    chance = math.exp(-loss(cell))
    drawn = {f"caption {number}": float(random.binomial(4, chance)) / 4 for number in range(20)}
    return {"train": {f"{text} of seed {cell.seed}": value for text, value in drawn.items()}, "val": drawn}


@pytest.fixture(scope="module")
def runs() -> list[PriorRun]:
    return made_up_runs(loss, right)


def test_there_is_a_measure_for_each_field() -> None:
    assert list(MEASURES) == list(AblationFigures.model_fields)


def test_the_table_holds_the_mean_the_range_and_every_run_of_a_cell(runs: list[PriorRun]) -> None:
    table = {(cell.data, cell.model): cell for cell in compare(runs).tables["image_loss"]}
    assert len(table) == 9
    assert table[0.25, "s"].runs == (1.5, 1.52)
    assert (table[0.25, "s"].mean, table[0.25, "s"].low, table[0.25, "s"].high) == (1.51, 1.5, 1.52)
    assert table[1.0, "l"].runs == pytest.approx((0.9, 0.92))


def test_gains_are_per_doubling_and_positive_where_a_loss_falls(runs: list[PriorRun]) -> None:
    found = compare(runs)
    assert found.figures.image_loss.gain.data.value == pytest.approx(0.2)
    widths = found.sizes[0].parameters, found.sizes[2].parameters
    per_doubling = 0.2 / math.log2(widths[1] / widths[0])
    assert found.figures.image_loss.gain.model.value == pytest.approx(per_doubling, rel=0.05)
    assert found.answers["image_loss"].mattered == "data"
    assert found.answer.startswith("Doubling for doubling")
    assert found.figures.right_held_out.gain.data.unit == "percentage points"
    assert found.figures.right_held_out.gain.data.value > 1


def test_sizes_and_shares_are_told_with_what_they_cost(runs: list[PriorRun]) -> None:
    found = compare(runs)
    assert [size.model for size in found.sizes] == ["s", "m", "l"]
    assert found.sizes[0].flops < found.sizes[1].flops < found.sizes[2].flops
    assert [share.images for share in found.shares] == [1428.0, 2856.0, 5713.0]
    assert [share.epochs for share in found.shares] == pytest.approx([5.04, 2.52, 1.26], rel=0.01)
    assert found.tokens == 900 * 8 * (28 + 16 * 16)


def test_a_curve_has_a_line_for_each_size_over_the_shares(runs: list[PriorRun]) -> None:
    curve = compare(runs).figures.image_loss.by_data
    assert [line.name for line in curve.lines] == ["model s", "model m", "model l"]
    assert curve.lines[0].x == (0.25, 0.5, 1.0)
    assert curve.lines[0].y == pytest.approx((1.51, 1.31, 1.11))
    assert curve.lines[0].low == pytest.approx((1.5, 1.3, 1.1))


def test_priors_of_unequal_tokens_are_not_compared(runs: list[PriorRun]) -> None:
    longer = made_up_runs(loss, right, steps=1000)
    with pytest.raises(ModelMismatchError, match="compared at equal tokens"):
        compare([*runs[:-1], longer[-1]])


def test_a_measure_that_no_run_has_is_left_out() -> None:
    found = compare(made_up_runs(loss, lambda cell: {"train": {}, "val": {}}))
    assert list(found.answers) == ["image_loss", "text_loss"]
    assert found.answer == "Doubling for doubling data mattered more, by the held-out loss of image tokens."
    assert found.figures.score is None


def test_the_page_shows_every_table_and_asks_nobody(runs: list[PriorRun]) -> None:
    found = compare(runs)
    page = ablation_page(found, "dalle ablate --seeds 2")
    assert found.answer in page
    assert page.count('class="grid"') == len(found.tables) == 5
    assert "<code>dalle ablate --seeds 2</code>" in page
    assert re.findall(r"(?:src|href)=[\"'](?!data:|#)[^\"']+", page) == []
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower()
