"""A comparison in words, for the page and the terminal."""

from collections.abc import Iterator

from tasks.compare.comparison import FigureCompared, PairCompared, RunComparison, SideAccount
from tasks.compare.paired import LEVEL
from tasks.compare.values import GROUPS, SHORT
from tasks.evaluate.quantities import Estimate
from tasks.report import words

MINUS = "\N{MINUS SIGN}"


def verdict(pair: PairCompared, figure: FigureCompared) -> str:
    """`A is better`, `B is better` or `cannot be told`."""
    return {"first": f"{pair.first} is better", "second": f"{pair.second} is better"}.get(
        figure.verdict, figure.verdict
    )


def subject(figure: FigureCompared) -> str:
    """What was compared: `Right composition, all drawn, captions never seen`."""
    return f"{figure.title[0].upper()}{figure.title[1:]}, {figure.chosen}, {figure.groups}"


def label(figure: FigureCompared) -> str:
    """The same for a plot, which has little room: `right composition, all drawn, unseen`."""
    groups = " + ".join(SHORT[name] for name, words_of in GROUPS.items() if words_of in figure.groups)
    return f"{figure.title}, {figure.chosen}, {groups}"


def values(pair: PairCompared, figure: FigureCompared) -> str:
    """`A 62%, B 41%`."""
    written = [words.quantity(each, figure.unit) for each in (figure.first, figure.second)]
    return f"{pair.first} {written[0]}, {pair.second} {written[1]}"


def ahead(estimate: Estimate) -> str:
    """`+21 (8 to 33) percentage points`."""
    value, low, high = (signed(each) for each in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high}) {estimate.unit}".rstrip()


def signed(value: float) -> str:
    """With its sign."""
    return f"{MINUS if value < 0 else '+' if value > 0 else ''}{words.number(abs(value))}"


def remark(figure: FigureCompared) -> str:
    """What is to be said where it cannot be told; empty where it can."""
    if figure.verdict != "cannot be told":
        return ""
    n = figure.ahead.n
    if figure.least_found is None:
        return f"no difference on any of {n:,} prompts" if figure.ties == n else "too few prompts"
    unit = figure.ahead.unit
    found = f"{n:,} prompts tell a difference of {words.quantity(figure.least_found, unit)} in four cases of five"
    if not figure.ahead.low <= 0 <= figure.ahead.high and figure.p_value <= LEVEL:
        return "the interval leaves out 0, but among so many figures one does by chance"
    if figure.prompts_needed is None:
        return f"{found}; no number of prompts would tell one as small as seen here"
    return f"{found}; to tell one as seen here takes about {figure.prompts_needed:,}"


def tally(pair: PairCompared) -> str:
    """In how many figures which side is better: `A is better in 3 of 12 figures, B in 1; the others cannot be told`."""
    first, second = (sum(figure.verdict == each for figure in pair.figures) for each in ("first", "second"))
    if first + second == 0:
        return f"In none of {len(pair.figures)} figures can it be told which is better"
    others = "; the others cannot be told" if first + second < len(pair.figures) else ""
    return f"{pair.first} is better in {first} of {len(pair.figures)} figures, {pair.second} in {second}{others}"


def left_out(side: SideAccount) -> Iterator[str]:
    """What of a side is not compared."""
    if side.without_picture:
        yield f"{side.letter} has no picture for {side.without_picture:,} prompts"
    for reason, count in side.refused.items():
        yield f"{side.letter}: {count:,} refused, {words.reason_words(reason)}"


def shared(pair: PairCompared) -> str:
    """Over how many prompts two sides are compared, and what is left out."""
    parts = [f"{pair.first} and {pair.second} have {pair.prompts:,} prompts in common"]
    for letter, count in ((pair.first, pair.only_first), (pair.second, pair.only_second)):
        if count:
            parts.append(f"{count:,} that only {letter} has are left out")
    if pair.unequal:
        parts.append(
            f"for {pair.unequal:,} they have different numbers of pictures, and the best is that of as many of each"
        )
    return "; ".join(parts)


def lines(found: RunComparison) -> Iterator[str]:
    """The comparison for a terminal."""
    for side in found.sides:
        yield f"{side.letter}: {side.name}  ({side.pictures:,} pictures of {side.prompts:,} prompts)"
    for side in found.sides:
        yield from (f"Left out: {each}." for each in left_out(side))
    for pair in found.pairs:
        yield f"\n{tally(pair)}. {shared(pair)}."
        for figure in pair.figures:
            yield f"{subject(figure)}: {verdict(pair, figure)}"
            more = f"{pair.first} ahead by {ahead(figure.ahead)}; p = {figure.p_holm:.2g} (Holm)"
            yield f"  {values(pair, figure)}; {more}"
            if told := remark(figure):
                yield f"  {told}"
