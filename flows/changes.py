"""What differs from a recipe: as nested sections, as dotted names, as `--set a.b=c`, or in a file."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from flows.config import PipelineConfig
from tasks.engine.stage import StageConfig
from tasks.errors import ConfigError
from tasks.web.download import without_credentials

Changes = dict[str, Any]
RECIPE = "recipe"  # a file of changes may name the recipe it belongs to


def changed(config: PipelineConfig, changes: Mapping[str, Any]) -> PipelineConfig:
    """The config with some values changed.

    Args:
        changes: nested sections `{"dvae": {"training": {"steps": 5}}}` or dotted names `{"dvae.training.steps": 5}`.

    Raises:
        ConfigError: a name that is no setting (the message suggests the closest one), or a value of the wrong type.
    """
    values = config.model_dump()
    for path, value in _leaves(config, changes):
        _require(config, path)
        _assign(values, path, value)
    return _validated(values)


def assigned(config: PipelineConfig, assignments: Iterable[str]) -> PipelineConfig:
    """The config with assignments `a.b=c` applied in order. A value that parses as JSON is JSON, any other is text.

    Raises:
        ConfigError: as for `changed`, or an assignment without `=`.
    """
    changes: Changes = {}
    texts: dict[str, Any] = {}
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign:
            raise ConfigError(f"'--set {assignment}' has no '=': write --set {nearest(config, path) or 'a.b'}=value.")
        changes[path], texts[path] = _parsed(text), text
    try:
        return changed(config, changes)
    except ConfigError as error:
        # `source.snapshot=2026` parses as a number although the field is text: for such fields the text is used.
        wanted = _wanted_texts(error.__cause__) & texts.keys()
        if not wanted:
            raise
    return changed(config, changes | {path: texts[path] for path in wanted})


def read_file(path: Path) -> tuple[str | None, Changes]:
    """The recipe that a YAML or JSON file names (None if it names none), and the changes it holds.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or holds no sections.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {' '.join(str(error).split())}.") from error
    if content is None:
        return None, {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no sections: write it like the output of `dalle config`.")
    recipe = content.pop(RECIPE, None)
    return (None if recipe is None else str(recipe)), content


def file_text(recipe: str, changes: Changes) -> str:
    """YAML that `read_file` reads as this recipe and these changes."""
    text: str = yaml.safe_dump({RECIPE: recipe} | changes, sort_keys=False, allow_unicode=True)
    return text


def differences(base: PipelineConfig, config: PipelineConfig) -> Changes:
    """The changes that lead from `base` to `config`: nested sections that hold only what differs, as JSON values."""
    return _differences(base.model_dump(mode="json"), config.model_dump(mode="json"))


def paths(model: BaseModel, prefix: str = "") -> Iterator[str]:
    """Every dotted path of a config, sections before their contents."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        yield prefix + name
        if isinstance(value, BaseModel):
            yield from paths(value, f"{prefix}{name}.")


def nearest(config: PipelineConfig, path: str) -> str | None:
    """The existing path that is spelt most like `path`, None if there is none close to it."""
    known = list(paths(config))
    # First the same name in another section, then the closest spelling anywhere.
    same_name = [other for other in known if other.rsplit(".", 1)[-1] == path.rsplit(".", 1)[-1]]
    close = difflib.get_close_matches(path, same_name, 1, 0.0) or difflib.get_close_matches(path, known, 1, 0.4)
    return close[0] if close else None


def one_line(error: ValidationError) -> str:
    """The first problem of a pydantic error as one sentence: the setting, what is wrong, and its value."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the config"
    what = first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    value = without_credentials(first["input"]) if isinstance(first["input"], str) else first["input"]
    stands = "" if isinstance(value, dict | list | tuple) else f"; it is {json.dumps(value, default=str)}"
    return f"{where}: {what}{stands}{more}."


def _leaves(config: PipelineConfig, changes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of every change; a mapping that stands for a section is opened.

    For a section that has one, what is no mapping is the value of its chief setting: `source=photos` is
    `source.sources=photos`.
    """
    for name, value in changes.items():
        path = f"{prefix}{name}"
        section = _value(config, path)
        if isinstance(value, Mapping) and isinstance(section, BaseModel):
            yield from _leaves(config, value, f"{path}.")
        elif isinstance(section, StageConfig) and section.stands_for:
            yield f"{path}.{section.stands_for}", value
        else:
            yield path, value


def _differences(base: Changes, values: Changes) -> Changes:
    found: Changes = {}
    for name, value in values.items():
        old = base.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            if inner := _differences(old, value):
                found[name] = inner
        elif old != value:
            found[name] = value
    return found


def _validated(values: Changes) -> PipelineConfig:
    try:
        return PipelineConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(one_line(error)) from error


def _require(config: PipelineConfig, path: str) -> None:
    known = set(paths(config))
    if path in known:
        return
    # The keys inside a dictionary or an unset section are not known here: pydantic validates them later.
    parent = path.rpartition(".")[0]
    while parent:
        if parent in known and not isinstance(_value(config, parent), BaseModel):
            return
        parent = parent.rpartition(".")[0]
    hint = nearest(config, path)
    raise ConfigError(f"There is no setting '{path}'" + (f": did you mean '{hint}'?" if hint else "."))


def _value(config: BaseModel, path: str) -> Any:
    """The value at a path; None if there is no such path."""
    found: Any = config
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _parsed(text: str) -> Any:
    """The parsed value if the text is JSON, else the text itself: `--set source=photos` needs no quotes."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _wanted_texts(error: BaseException | None) -> set[str]:
    if not isinstance(error, ValidationError):
        return set()
    return {".".join(map(str, e["loc"])) for e in error.errors() if e["type"] == "string_type"}


def _assign(values: Changes, path: str, value: Any) -> None:
    *sections, name = path.split(".")
    for section in sections:
        inner = values.get(section)
        if not isinstance(inner, dict):
            inner = values[section] = {}
        values = inner
    values[name] = value
