"""What report.json holds, as one model; report.schema.json, written beside it, is its JSON schema."""

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from models.config import Frozen
from tasks.engine import storage
from tasks.engine.artifact import Artifact, Counts, RunRecord
from tasks.errors import ConfigError
from tasks.evaluate.figures import Evaluation
from tasks.funnel.figures import Funnel
from tasks.report.energy import Energy
from tasks.study.figures import StudyFigures

FIGURES, SCHEMA = "report.json", "report.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class StageAccount(Frozen):
    """One finished stage: its manifest without the list of its files."""

    version: int = Field(description="Of the stage's code; goes up when its result changes.")
    fingerprint: str = Field(description="Of its name, version, config and inputs; with the stage's name its address.")
    config: dict[str, Any]
    inputs: dict[str, str] = Field(description="Address of each input, by name.")
    counts: Counts = Field(description="rows_in is rows_out and all that is rejected, by reason.")
    metrics: dict[str, Any]
    run: RunRecord
    bytes: int = Field(description="Of all its files.")


class ReportFigures(Frozen):
    """Everything that the page says in numbers. A value that is no number, such as a loss that overflowed, is null."""

    version: Literal[1] = Field(1, description="Of this form; goes up when a field changes its meaning or is gone.")
    finished: str | None = Field(description="When the last stage ended, UTC, ISO 8601.")
    commit: str | None = Field(description="Of the code that wrote the report.")
    command: str | None = Field(description="That started the run.")
    seconds: float = Field(description="Of all stages, each as long as it took when it was made.")
    peak_memory_mb: float = Field(description="MiB, of the stage with most.")
    stages: dict[str, StageAccount] = Field(description="By name.")
    funnel: Funnel | None = Field(description="What became of every row found.")
    evaluation: Evaluation | None = Field(description="What was measured of the samples and the image tokenizer.")
    study: StudyFigures | None = Field(description="What people said of the pictures.")
    energy: Energy | None = Field(description="What the run took: an estimate; null where nothing of it was measured.")
    curves: dict[str, list[dict[str, float]]] = Field(description="The logged steps of each training, by stage.")

    def to_json(self) -> str:
        """Strict JSON, keys in order."""
        told = self.model_dump(mode="json")
        return json.dumps(told, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def schema_json() -> str:
    """The JSON schema of report.json, of this version with all its metrics."""
    schema = {"$schema": DIALECT, "$id": SCHEMA} | ReportFigures.model_json_schema(mode="serialization")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def read_figure(report: Artifact, path: str) -> Any:
    """A value in report.json of a finished report.

    Args:
        path: names joined by points, such as `evaluation.hits.seen`.

    Raises:
        ConfigError: there is no such figure.
    """
    value: Any = storage.read_json(report.file(FIGURES))
    for done, name in enumerate(names := path.split(".")):
        if not isinstance(value, dict) or name not in value:
            place = ".".join(names[:done]) or FIGURES
            there = f"there are {', '.join(value)}" if isinstance(value, dict) else "it is a figure itself"
            raise ConfigError(f"{place} has no '{name}': {there}.")
        value = value[name]
    return value


def finite(value: Any) -> Any:
    """The same with None for every number that is none: a page must never say "nan"."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [finite(item) for item in value]
    return value
