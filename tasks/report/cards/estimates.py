"""Every estimate of an evaluation with its place, whichever metrics there are: no metric is named here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from tasks.evaluate.figures import Evaluation
from tasks.evaluate.quantities import Estimate, Part, Quantity
from tasks.report import words


@dataclass(frozen=True)
class EstimateRow:
    """An estimate. `path`: in report.json; `group`: the parts that it is in, as titles."""

    path: str
    group: str
    title: str
    estimate: Estimate


@dataclass(frozen=True)
class MeasuredPart:
    """What one metric measured; `means` is how it explains itself."""

    title: str
    path: str
    means: str
    rows: tuple[EstimateRow, ...]


def measured_parts(evaluation: Evaluation | None, within: str = "evaluation") -> list[MeasuredPart]:
    """A part for each metric that could tell something."""
    parts = [] if evaluation is None else _parts(evaluation)
    return [
        MeasuredPart(title, f"{within}.{name}", _means(part), tuple(_rows(part, f"{within}.{name}")))
        for name, title, part in parts
    ]


def not_measured(evaluation: Evaluation | None) -> list[str]:
    """Titles of the metrics that could tell nothing; of all of them where nothing was evaluated."""
    return [
        _title(name, field)
        for name, field in Evaluation.model_fields.items()
        if field.default is None and (evaluation is None or getattr(evaluation, name) is None)
    ]


def _parts(model: Quantity) -> Iterator[tuple[str, str, Part]]:
    for name, field in type(model).model_fields.items():
        if isinstance(part := getattr(model, name), Part):
            yield name, _title(name, field), part


def _rows(part: Part, path: str, group: str = "") -> Iterator[EstimateRow]:
    """The estimates of a part, those in its lists, and those of the parts within it."""
    for name, field in type(part).model_fields.items():
        value, title = getattr(part, name), _title(name, field)
        if isinstance(value, Estimate):
            yield EstimateRow(f"{path}.{name}", group, title, value)
        elif isinstance(value, Mapping):
            within = f"{group}, {title}".removeprefix(", ")
            for key, each in value.items():
                if isinstance(each, Estimate):
                    yield EstimateRow(f"{path}.{name}.{key}", within, str(key), each)
    for name, title, inner in _parts(part):
        yield from _rows(inner, f"{path}.{name}", f"{group}, {title}".removeprefix(", "))


def _title(name: str, field: FieldInfo) -> str:
    return field.title or words.name_words(name)


def _means(part: Part) -> str:
    return " ".join((type(part).__doc__ or "").split())
