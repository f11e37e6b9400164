"""`--set a.b=c`: one value of a config, by its dotted path."""

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from flows.config import PipelineConfig
from tasks.errors import ConfigError


def overridden(config: PipelineConfig, assignments: Iterable[str]) -> PipelineConfig:
    """The config with the assignments applied in order.

    Raises:
        ConfigError: a path that leads nowhere (with the nearest that leads somewhere), or a value of the wrong kind.
    """
    values = config.model_dump()
    texts = {}
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign:
            raise ConfigError(f"'--set {assignment}' has no '=': write --set {nearest(config, path) or 'a.b'}=value.")
        _require(config, path)
        _assign(values, path, _parsed(text))
        texts[path] = text
    try:
        return PipelineConfig.model_validate(values)
    except ValidationError as error:
        for path in _wanted_texts(error) & texts.keys():
            _assign(values, path, texts[path])
    try:
        return PipelineConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(one_line(error)) from error


def paths(model: BaseModel, prefix: str = "") -> Iterator[str]:
    """Every dotted path of a config, sections before their contents."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        yield prefix + name
        if isinstance(value, BaseModel):
            yield from paths(value, f"{prefix}{name}.")


def nearest(config: PipelineConfig, path: str) -> str | None:
    """The existing path that looks most like `path`."""
    known = list(paths(config))
    # A right name in the wrong section comes first, then a typing error anywhere.
    same_name = [other for other in known if other.rsplit(".", 1)[-1] == path.rsplit(".", 1)[-1]]
    close = difflib.get_close_matches(path, same_name, 1, 0.0) or difflib.get_close_matches(path, known, 1, 0.4)
    return close[0] if close else None


def one_line(error: ValidationError) -> str:
    """A pydantic error as one sentence: where, what is wrong, what stood there."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the config"
    what = first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    value = first["input"]
    stands = "" if isinstance(value, dict | list) else f"; it is {json.dumps(value, default=str)}"
    return f"{where}: {what}{stands}{more}."


def _require(config: PipelineConfig, path: str) -> None:
    known = set(paths(config))
    if path in known:
        return
    # Inside a dictionary or an unset section only pydantic can tell; it is asked in the end.
    parent = path.rpartition(".")[0]
    while parent:
        if parent in known and not isinstance(_value(config, parent), BaseModel):
            return
        parent = parent.rpartition(".")[0]
    hint = nearest(config, path)
    raise ConfigError(f"There is no setting '{path}'" + (f": did you mean '{hint}'?" if hint else "."))


def _value(config: BaseModel, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config


def _parsed(text: str) -> Any:
    """JSON where it is JSON, else the text itself: `--set source.folder=photos` needs no quotes."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _wanted_texts(error: ValidationError) -> set[str]:
    """Paths whose value looks like a number but is wanted as text, such as a snapshot `2026`."""
    return {".".join(map(str, e["loc"])) for e in error.errors() if e["type"] == "string_type"}


def _assign(values: dict[str, Any], path: str, value: Any) -> None:
    *sections, name = path.split(".")
    for section in sections:
        inner = values.get(section)
        if not isinstance(inner, dict):
            inner = values[section] = {}
        values = inner
    values[name] = value
