"""A run from the command line, with Prefect or without, and the summary printed at its end."""

import os
from contextlib import nullcontext, suppress
from typing import Any

import psutil

from flows.changes import differences
from flows.cli import environment
from flows.cli.console import Silent
from flows.cli.doctor import api
from flows.config import PipelineConfig
from flows.pipeline import pipeline as run_pipeline
from flows.recipes import RecipeName, recipe_config
from flows.run import DirectRun
from flows.wording import figure, numbers
from tasks.engine.artifact import Artifact
from tasks.errors import PipelineError
from tasks.preflight import require_ready
from tasks.settings import Settings


class ServerError(PipelineError):
    """The Prefect server that is configured does not answer."""


IN_PROCESS_SERVER = "prefect.server.api.server"  # in the command line of the server Prefect starts inside a run


def execute(
    recipe: RecipeName, config: PipelineConfig, settings: Settings, observer: Silent, no_prefect: bool
) -> Artifact:
    """Runs the pipeline, passes its events to the observer, and returns the report.

    Args:
        recipe: the recipe that `config` started from; Prefect shows it with what was changed.

    Raises:
        ConfigError, SourceError, StorageError: something a run needs is not there, as `require_ready` says.
        ServerError: a Prefect server is configured and does not answer.
    """
    require_ready(config.source, settings)
    if no_prefect:
        return run_pipeline(DirectRun(settings, [observer]), config)
    address = environment.use_running_server()
    server = api(address)
    if not server.ok:
        raise ServerError(server.text)
    if address is None:
        end_orphaned_servers()
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows import deployments
    from flows.stage_task import watched_by

    changes = differences(recipe_config(recipe), config)
    # A server that ends with the run does not watch heartbeats, and each flow would wait a second for its own to stop.
    quick = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}) if address is None else nullcontext()
    with quick, watched_by(observer):
        return deployments.pipeline(recipe, changes, settings)


def end_orphaned_servers() -> None:
    """Ends in-process servers whose run was killed: they outlive it, and keep this folder's Prefect database open."""
    home = os.environ["PREFECT_HOME"]
    for process in psutil.process_iter(["cmdline", "ppid"]):
        with suppress(psutil.Error):
            command = " ".join(process.info["cmdline"] or [])
            is_ours = IN_PROCESS_SERVER in command and process.environ().get("PREFECT_HOME") == home
            if is_ours and process.info["ppid"] == 1:
                process.terminate()
                process.wait(10)


def report_page(report: Artifact) -> str:
    """Where the page of a report artifact is."""
    return report.file("index.html")


def summary(report: Artifact, observer: Silent) -> dict[str, Any]:
    """A finished run for `--json`: the report, the figures of the evaluation, and all stages."""
    figures = next((numbers(stage["metrics"]) for stage in observer.stages if stage["stage"] == "evaluate"), {})
    return {"report": report_page(report), "figures": figures, "stages": observer.stages}


def closing_lines(found: dict[str, Any]) -> list[str]:
    """The last lines of a run: stages made and reused, the figures, and where the report is."""
    figures = ", ".join(f"{name} {figure(value)}" for name, value in found["figures"].items())
    reused = sum(stage["reused"] for stage in found["stages"])
    made = len(found["stages"]) - reused
    return [f"{made} stages made, {reused} reused.", *([figures] if figures else []), f"Report: {found['report']}"]
