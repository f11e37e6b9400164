"""All figures of evaluations beside each other, whatever metrics there are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.evaluate.figures import Evaluation
from tasks.evaluate.quantities import Estimate, Part, Quantity
from tasks.report import words


@dataclass(frozen=True)
class BesideRow:
    """A figure: the parts it is in, its title, and its value with its interval on each side."""

    group: str
    title: str
    cells: tuple[tuple[str, str], ...]


def beside(evaluations: Sequence[Evaluation]) -> list[BesideRow]:
    """The estimates that at least two of the evaluations have."""
    told = [dict(_estimates("", evaluation)) for evaluation in evaluations]
    names = dict.fromkeys(name for each in told for name in each)
    rows = []
    for group, title in names:
        found = [each.get((group, title)) for each in told]
        if sum(each is not None for each in found) > 1:
            rows.append(BesideRow(group, title, tuple(_cell(each) for each in found)))
    return rows


def _cell(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return words.NOTHING, ""
    return words.quantity(estimate.value, estimate.unit), words.interval(estimate)


def _estimates(group: str, measured: Quantity) -> Iterator[tuple[tuple[str, str], Estimate]]:
    for name, field in type(measured).model_fields.items():
        value, title = getattr(measured, name), field.title or words.name_words(name)
        if isinstance(value, Estimate):
            yield (group, title), value
        elif isinstance(value, Part):
            yield from _estimates(f"{group}: {title}" if group else title, value)
        elif isinstance(value, Mapping):
            for key, each in value.items():
                if isinstance(each, Estimate):
                    yield (f"{group}: {title}", key), each
                elif isinstance(each, Part):
                    yield from _estimates(f"{group}: {key}", each)
