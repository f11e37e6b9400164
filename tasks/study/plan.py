"""A study before it is made: the chance to find a preference, by numbers of raters and of pairs."""

from models.config import Frozen
from tasks.study.power import LEVEL, WANTED, least_p_of_raters, least_preference, pairs_needed, power

EXAMPLE = 0.6  # the preference that is told in words
UNKNOWN_CORRELATION = 0.2  # of two votes on one pair, where no votes can tell it
RATERS = (1, 3, 5, 9)
PAIRS = (25, 50, 100, 200, 500, 1000)


class PlannedRow(Frozen):
    """The chances with one number of raters, for the numbers of pairs of the plan; and how many pairs WANTED takes."""

    raters: int
    chances: tuple[float, ...]
    pairs_needed: int | None


class StudyPlan(Frozen):
    """Chances that the sign test finds the preference."""

    preference: float
    correlation: float
    pairs: tuple[int, ...]
    rows: tuple[PlannedRow, ...]
    said: str


def plan_study(raters: int, pairs: int, preference: float, correlation: float) -> StudyPlan:
    """The chances for what a person thinks of, beside other numbers of raters and pairs."""
    columns = tuple(sorted({*PAIRS, pairs}))
    rows = tuple(
        PlannedRow(
            raters=each,
            chances=tuple(round(power(each, count, preference, correlation), 4) for count in columns),
            pairs_needed=pairs_needed(each, preference, correlation),
        )
        for each in sorted({*RATERS, raters})
    )
    said = what_it_can_say(raters, pairs, correlation, preference)
    return StudyPlan(preference=preference, correlation=correlation, pairs=columns, rows=rows, said=said)


def plan_lines(plan: StudyPlan) -> list[str]:
    """The plan as a table for a terminal, and what it says in words."""
    heads = ["raters", *(f"{pairs:,} pairs" for pairs in plan.pairs), f"pairs for {WANTED:.2f}"]
    table = [heads] + [
        [str(row.raters), *(f"{chance:.2f}" for chance in row.chances), _needed(row.pairs_needed)] for row in plan.rows
    ]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    about = (
        f"Chance to find a true preference of {plan.preference:.0%}: majority on each pair, exact two-sided sign test "
        f"over pairs at {LEVEL:.0%}; two votes on one pair correlated by {plan.correlation:.2f}."
    )
    return [about, "", *lines, "", plan.said]


def what_it_can_say(raters: int, pairs: int, correlation: float, preference: float = EXAMPLE) -> str:
    """What a study of this size can and cannot say, in three sentences."""
    least = least_preference(raters, pairs, correlation)
    chance = power(raters, pairs, preference, correlation)
    found = (
        f"With {counted(raters, 'rater')} and {counted(pairs, 'pair')} a true preference of {preference:.0%} is found "
        f"with probability {chance:.2f}"
    )
    smallest = f"; one of {least:.0%} with 0.80." if least else ", and none with 0.80."
    p = least_p_of_raters(raters)
    if p > LEVEL:
        people = (
            f"It speaks of these raters: even if {'all ' if raters > 1 else ''}{raters} preferred the same side, that "
            f"would not show at {LEVEL:.0%} that people in general do (sign test over raters: p = {p:.2g})."
        )
    else:
        people = (
            f"Of people in general it can speak if nearly all {raters} raters prefer the same side (sign test over "
            f"raters: p = {p:.2g} at best), and if they are people drawn at random."
        )
    return f"{found}{smallest} {people} More pairs do not make up for few raters."


def counted(n: int, what: str) -> str:
    """`1 rater`, `5 raters`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _needed(pairs: int | None) -> str:
    return "too many" if pairs is None else f"{pairs:,}"
