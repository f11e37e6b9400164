"""The parts of an evaluation as sections of the page, drawn by the kind of each figure: no metric is named here."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from pydantic.fields import FieldInfo

from tasks.evaluate.quantities import Baseline, Curve, Estimate, HeatMap, Histogram, Part, Pictures, Quantity, Question
from tasks.report import charts, heatmap, words


@dataclass(frozen=True)
class Plot:
    """A drawn figure with its caption. `kicker` says what it is about, where its title does not."""

    title: str
    explanation: str
    drawn: Markup
    kicker: str = ""


@dataclass(frozen=True)
class Number:
    """A row of the table of numbers."""

    title: str
    value: str
    beside: str = ""
    explanation: str = ""


@dataclass(frozen=True)
class Panel:
    """Pictures that a rule picked, for the page to show."""

    title: str
    explanation: str
    pictures: Pictures


@dataclass(frozen=True)
class Section:
    """A part of the figures, ready for the page.

    Attributes:
        path: in report.json.
        numbers: grouped by the parts and lists within the part.
    """

    name: str
    path: str
    question: Question
    title: str
    explanation: str
    plots: tuple[Plot, ...]
    numbers: dict[str, list[Number]]
    panels: tuple[Panel, ...] = ()


def sections(measured: Quantity | None, within: str = "") -> dict[str, Section]:
    """A section for each part that could be measured, by the name of its field; such as those of an `Evaluation`.

    Args:
        within: where the parts stand in report.json.
    """
    if measured is None:
        return {}
    parts = [each for each in _fields(measured) if isinstance(each[2], Part)]
    return {name: _section(name, f"{within}.{name}".lstrip("."), field, part) for name, field, part in parts}


def plots(name: str, title: str, part: Part) -> tuple[Plot, ...]:
    """The drawn figures of a part; those that have nothing to show are left out.

    Args:
        name: unique on the page.
    """
    return tuple(plot for plot in _plots(name, title, part) if plot.drawn)


def _section(name: str, path: str, field: FieldInfo, part: Part) -> Section:
    title = _title(name, field)
    numbers: dict[str, list[Number]] = defaultdict(list)
    for group, number in _numbers("", part):
        numbers[group].append(number)
    drawn, panels = plots(name, title, part), tuple(_panels(part))
    return Section(name, path, part.question, title, _explanation(field, part), drawn, dict(numbers), panels)


def _plots(path: str, title: str, part: Part, within: FieldInfo | None = None) -> Iterator[Plot]:
    """The plots of a part and of the parts within it.

    Args:
        path: of names from the section to the part; makes the names of the plots unique.
        within: the part's field in another part; None for the part of a section, whose title stands above all plots.
    """
    kicker = title if within else ""
    explanation = _explanation(within, part) if within else ""
    for unit, estimates in _compared(part).items():
        levels = {
            _title(n, f): level for n, f, level in _fields(part) if isinstance(level, Baseline) and level.unit == unit
        }
        yield Plot(kicker, explanation, charts.whiskers(f"{path}-{_slug(unit)}", title, estimates, levels))
    for name, field, value in _fields(part):
        inner, own, words_of = f"{path}-{name}", _title(name, field), field.description or ""
        if isinstance(value, Curve):
            yield Plot(own, f"{words_of} {value.note}".strip(), charts.curve(inner, own, value), kicker)
        elif isinstance(value, Histogram):
            yield Plot(own, words_of, charts.histogram(inner, own, value), kicker)
        elif isinstance(value, HeatMap):
            yield Plot(own, f"{words_of} {value.note}".strip(), heatmap.heatmap(inner, own, value), kicker)
        elif isinstance(value, Mapping):
            if _are_compared(value):
                yield Plot(own, words_of, charts.whiskers(inner, own, value), kicker)
            for number, (key, each) in enumerate(value.items()):
                if isinstance(each, Part):
                    yield from _plots(f"{inner}-{number}", key, each, field)
                elif isinstance(each, HeatMap):
                    drawn = heatmap.heatmap(f"{inner}-{number}", f"{own}: {key}", each)
                    said = f"{'' if number else words_of} {each.note}".strip()  # what holds for all, once
                    yield Plot(key, said, drawn, own)
        elif isinstance(value, Part):
            yield from _plots(inner, own, value, field)


def _numbers(group: str, part: Part) -> Iterator[tuple[str, Number]]:
    """What stands in the table: numbers, names, levels, and the estimates that no plot compares."""
    plotted = {title for estimates in _compared(part).values() for title in estimates}
    for name, field, value in _fields(part):
        title, explanation = _title(name, field), field.description or ""
        if isinstance(value, Estimate) and title not in plotted:
            yield group, _row(title, value, explanation)
        elif isinstance(value, Baseline):
            yield group, Number(title, words.quantity(value.value, value.unit), "", explanation)
        elif isinstance(value, int | float):
            yield group, Number(title, _written(value), "", explanation)
        elif isinstance(value, str):
            yield group, Number(title, value, "", explanation)
        elif isinstance(value, Mapping) and not _are_compared(value):
            for key, each in value.items():
                if isinstance(each, Part):
                    yield from _numbers(key, each)
                elif not isinstance(each, HeatMap):
                    yield f"{group}: {title}" if group else title, _row(key, each)
        elif isinstance(value, Part):
            yield from _numbers(title, value)


def _panels(part: Part) -> Iterator[Panel]:
    """The pictures of a part and of the parts within it."""
    for name, field, value in _fields(part):
        if isinstance(value, Pictures):
            yield Panel(_title(name, field), field.description or "", value)
        elif isinstance(value, Part):
            yield from _panels(value)
        elif isinstance(value, Mapping):
            for each in value.values():
                if isinstance(each, Part):
                    yield from _panels(each)


def _row(title: str, value: Estimate | int | float, explanation: str = "") -> Number:
    if isinstance(value, Estimate):
        beside = f"{words.interval(value)}, n = {words.count(value.n)}"
        return Number(title, words.quantity(value.value, value.unit), beside, explanation)
    return Number(title, _written(value), "", explanation)


def _compared(part: Part) -> dict[str, dict[str, Estimate]]:
    """By unit, the estimates that share it with another."""
    found: dict[str, dict[str, Estimate]] = defaultdict(dict)
    for name, field, value in _fields(part):
        if isinstance(value, Estimate) and value.unit:
            found[value.unit][_title(name, field)] = value
    return {unit: estimates for unit, estimates in found.items() if len(estimates) > 1}


def _are_compared(values: Mapping[str, Any]) -> bool:
    """Whether a mapping holds several estimates of one unit, which a plot shows better than a table."""
    return len(values) > 1 and all(isinstance(e, Estimate) and e.unit for e in values.values())


def _fields(model: Quantity) -> Iterator[tuple[str, FieldInfo, Any]]:
    """The fields that have a value."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if value is not None:
            yield name, field, value


def _title(name: str, field: FieldInfo) -> str:
    return field.title or words.name_words(name)


def _explanation(field: FieldInfo, part: Part) -> str:
    return field.description or " ".join((type(part).__doc__ or "").split())


def _written(number: float) -> str:
    return words.count(number) if isinstance(number, int) else words.number(number)


def _slug(unit: str) -> str:
    return unit.replace(" ", "-")
