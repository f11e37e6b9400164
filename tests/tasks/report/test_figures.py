"""report.json is what its schema says, and a figure of it is found by its path."""

import json

import jsonschema
import pytest
from support.finished_run import FinishedRun

from tasks.engine import storage
from tasks.errors import ConfigError
from tasks.evaluate.figures import Evaluation
from tasks.report.config import Config
from tasks.report.figures import FIGURES, SCHEMA, read_figure
from tasks.report.stage import report


@pytest.fixture(scope="module")
def made(run: FinishedRun):
    return report(Config(), run.settings, **{name: run.artifacts[name] for name in ("evaluate", "funnel")}).artifact


@pytest.fixture(scope="module")
def validator(made) -> jsonschema.Draft202012Validator:
    schema = storage.read_json(made.file(SCHEMA))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_file_is_what_the_schema_beside_it_says(made, validator) -> None:
    validator.validate(storage.read_json(made.file(FIGURES)))


@pytest.mark.parametrize("last", ["crawl", "train_dvae", "rerank"])
def test_that_of_a_run_that_stopped_early_too(run: FinishedRun, validator, last: str) -> None:
    validator.validate(
        storage.read_json(report(Config(), run.settings, last=run.artifacts[last]).artifact.file(FIGURES))
    )


def test_the_schema_refuses_what_is_no_report(made, validator) -> None:
    figures = storage.read_json(made.file(FIGURES))
    for wrong in (
        {**figures, "version": 2},
        {**figures, "seconds": "long"},
        {**figures, "surprise": 1},
        {**figures, "evaluation": {**figures["evaluation"], "hits": {"seen": {"best": 0.5}}}},
        {name: value for name, value in figures.items() if name != "stages"},
    ):
        assert not validator.is_valid(wrong)


def test_the_schema_documents_every_field_and_names_every_metric(validator) -> None:
    schema = validator.schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["properties"]["version"]["const"] == 1
    assert all("description" in field for field in schema["properties"].values())
    assert set(schema["$defs"]["Evaluation"]["properties"]) == set(Evaluation.model_fields)


def test_report_json_is_strict(made) -> None:
    text = storage.read_bytes(made.file(FIGURES)).decode()
    json.loads(text, parse_constant=lambda constant: pytest.fail(constant))


def test_a_figure_is_found_by_its_path(made) -> None:
    figures = storage.read_json(made.file(FIGURES))
    assert read_figure(made, "evaluation.hits.seen.best") == figures["evaluation"]["hits"]["seen"]["best"]
    assert read_figure(made, "seconds") == figures["seconds"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("evaluation.fid", r"evaluation has no 'fid': there are .*hits"),
        ("seconds.x", "seconds has no 'x': it is a figure itself"),
        ("", r"report\.json has no '': there are command, commit"),
    ],
)
def test_a_figure_that_is_not_there_is_told_with_those_that_are(made, path: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_figure(made, path)
