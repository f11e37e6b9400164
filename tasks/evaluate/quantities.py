"""What a figure can be: a number, an estimate, a level to compare with, a curve, a histogram or a heat map, and which
pictures it is about; gathered in parts.

The report draws each of them in its own way and knows no metric by name. A unit is written behind the value, except
`share`, which is written in percent.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, Self

from pydantic import ConfigDict, Field

from models.config import Frozen

SHARE = "share"
GREY_LEVELS = "grey levels"


class Question(StrEnum):
    """What a reader asks of a run. The report answers one after the other, in this order."""

    DRAWS = "Does it draw what I ask?"
    NEW = "Is it new?"
    TRUST = "Can I trust the number?"


class Quantity(Frozen):
    """Base of all that metrics.json holds: finite numbers only."""

    model_config = ConfigDict(allow_inf_nan=False)


class Part(Quantity):
    """Base of what one metric module measures: numbers, names, quantities, and parts within the part.

    On the page, the docstring of a part explains it; `title` and `description` of each field name what it is. Estimates
    of one unit are compared in one plot; an estimate that has none beside it stands in the table of numbers.
    """

    question: ClassVar[Question] = Question.TRUST


class Estimate(Quantity):
    """A figure with its 95 % interval and the number of prompts or images behind it."""

    value: float
    low: float
    high: float
    n: int
    unit: str = ""


class Baseline(Quantity):
    """A value to compare the estimates of its unit with, such as chance."""

    value: float
    unit: str = ""


class Line(Quantity):
    """One line of a curve; `low` and `high` bound its 95 % interval where that is known."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @classmethod
    def of(cls, name: str, x: Sequence[float], points: Sequence[Estimate]) -> Self:
        """A line through estimates."""
        return cls(
            name=name,
            x=tuple(x),
            y=tuple(point.value for point in points),
            low=tuple(point.low for point in points),
            high=tuple(point.high for point in points),
        )


class Curve(Quantity):
    """Lines over one axis.

    Attributes:
        baselines: by name, values of y to compare with.
        log_x, log_y: logarithmic axes; on `log_x` the ticks are the values of the first line.
        from_zero: the y axis starts at zero.
        note: what is to be said of this curve beside what its field says of all such curves.
    """

    x_name: str
    lines: tuple[Line, ...]
    unit: str = ""
    baselines: dict[str, float] = Field(default_factory=dict)
    log_x: bool = False
    log_y: bool = False
    from_zero: bool = False
    note: str = ""


class Histogram(Quantity):
    """Counts in the bins between `edges`, by name; each is drawn as shares of its own total."""

    x_name: str
    edges: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]
    log_x: bool = False


class HeatMap(Quantity):
    """Values in rows and columns, drawn as a heat map.

    Attributes:
        rows: from the top.
        row_names, column_names: if there are none, rows and columns are places in a picture.
        note: what is to be said of this grid beside what its field says of all such grids.
    """

    rows: tuple[tuple[float, ...], ...]
    unit: str = ""
    row_names: tuple[str, ...] = ()
    column_names: tuple[str, ...] = ()
    note: str = ""


class Picked(Quantity):
    """A sample, by its prompt and its number among the candidates, and what is said of it."""

    prompt_id: int
    index: int
    said: str = ""
    is_right: bool | None = None


class NamedPicture(Quantity):
    """A picture that is no sample, by the name under which the evaluation stored it, and what is said of it."""

    name: str
    said: str = ""
    is_right: bool | None = None


class Picks(Quantity):
    """Samples of one prompt, or other pictures, which are shown together under a caption."""

    prompt: str
    samples: tuple[Picked | NamedPicture, ...]
    said: str = ""


class Pictures(Quantity):
    """Samples that were picked by a rule, which the field tells."""

    prompts: tuple[Picks, ...]
