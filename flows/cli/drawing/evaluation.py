"""`dalle evaluate`: what a finished model is measured with, and what is told of the figures."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.changes import changed, read_file
from flows.recipes import DEFAULT_RECIPE, recipe_config, recipe_name
from models.files import RUN_CONFIG
from models.folder import check_folder, read_manifest
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.report.config import Targets
from tasks.report.facts import gather
from tasks.report.headlines import headlines
from tasks.report.summary import summary


def config_file(folder: Path) -> Path | None:
    """The config of the run that made a model folder; None in a folder of an older version.

    Raises:
        CheckpointError: it is no model folder, or a file of it is missing or changed.
        ConfigError: the config is not one of this version.
    """
    read_manifest(folder)
    check_folder(folder)
    file = folder / RUN_CONFIG
    if not file.is_file():
        return None
    named, changes = read_file(file)
    try:
        changed(recipe_config(recipe_name(named or DEFAULT_RECIPE)), changes)
    except ConfigError as error:
        raise ConfigError(
            f"{file} is of another version ({str(error).rstrip('.')}): name what to measure by --recipe or --config."
        ) from error
    return file


def measured(report: Artifact) -> dict[str, Any]:
    """What the report says first, for `--json`."""
    facts = gather([report])
    return {"summary": summary(facts), "headlines": [asdict(each) for each in headlines(facts, Targets())]}


def measured_lines(found: dict[str, Any]) -> Iterator[str]:
    """The same as lines."""
    yield " ".join(found["summary"])
    for each in found["headlines"]:
        yield f"{each['label']}: {each['value']} ({each['beside']})"
