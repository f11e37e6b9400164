"""The two-way table of a measure, as the page, the Prefect UI and the terminal show it."""

from collections.abc import Callable
from functools import partial

from tasks.ablation.comparison import MEASURES
from tasks.ablation.figures import Ablation, TableCell
from tasks.evaluate.quantities import SHARE
from tasks.report import words


def table_rows(found: Ablation, measure: str) -> list[list[TableCell]]:
    """The two-way table of a measure: a row for each share of the data, a cell for each size."""
    cells = {(cell.data, cell.model): cell for cell in found.tables[measure]}
    return [[cells[share.data, size.model] for size in found.sizes] for share in found.shares]


def writer(measure: str) -> Callable[[float], str]:
    """How the values of a measure are written in its table."""
    unit = MEASURES[measure].unit
    return partial(words.quantity, unit=SHARE) if unit == SHARE else words.number
