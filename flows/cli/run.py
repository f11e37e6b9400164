"""A run from the command line, with Prefect or without, and the summary printed at its end."""

import logging
import os
import signal
import sys
from contextlib import nullcontext
from typing import Any

from flows.ablation.flow import ablate
from flows.ablation.grid import Grid
from flows.approval.request import require_approved
from flows.changes import differences
from flows.cli import environment
from flows.cli.approve import approved_here
from flows.cli.console import Live, Plain, Silent, is_terminal
from flows.cli.doctor import api
from flows.cli.own_server import own_server
from flows.config import PipelineConfig
from flows.pipeline import pipeline as run_pipeline
from flows.plan import plan
from flows.recipes import RecipeName, recipe_config
from flows.run import DirectRun, Run
from flows.wording import figure, numbers
from tasks.crawl.demo.site import require_port
from tasks.engine.artifact import Artifact
from tasks.errors import PipelineError
from tasks.preflight import require_ready
from tasks.settings import Settings

STAGES_OF_THE_SITE = ("crawl", "fetch")


class ServerError(PipelineError):
    """The Prefect server that is configured does not answer, or ended the run."""


def follow(
    recipe: RecipeName,
    config: PipelineConfig,
    settings: Settings,
    json_: bool,
    no_prefect: bool,
    grid: Grid | None = None,
) -> tuple[Artifact, Silent]:
    """Runs the pipeline and tells of it; the report, and what was seen of the stages. Raises what `execute` raises."""
    observer = Silent() if json_ else Live() if is_terminal() else Plain()
    if settings.approval.has_bound and (no_prefect or environment.use_running_server() is None):
        require_ready(config.stages, settings)
        settings = approved_here(recipe, config, settings)  # no UI would show what is asked; asked before much is drawn
    with observer if isinstance(observer, Live) else nullcontext():
        return execute(recipe, config, settings, observer, no_prefect, grid), observer


def execute(
    recipe: RecipeName,
    config: PipelineConfig,
    settings: Settings,
    observer: Silent,
    no_prefect: bool,
    grid: Grid | None = None,
) -> Artifact:
    """Runs the pipeline, passes its events to the observer, and returns the report.

    Args:
        recipe: the recipe that `config` started from; Prefect shows it with what was changed.
        grid: of an ablation around `config`, to be run in place of the pipeline.

    Raises:
        ConfigError, SourceError, StorageError: something a run needs is not there, as `require_ready` says.
        PortInUseError: the port of the demo site is taken.
        ServerError: a Prefect server is configured and does not answer, or it ended the run.
    """
    require_ready(config.stages, settings)
    require_demo_port(config, settings)
    if no_prefect:
        return _directly(DirectRun(settings, [observer]), recipe, config, grid)
    address = environment.use_running_server()
    server = api(address)
    if not server.ok:
        raise ServerError(server.text)
    if address is not None:
        return _with_prefect(recipe, config, settings, observer, grid)
    with own_server() as own:
        os.environ["PREFECT_API_URL"] = own
        os.environ["PREFECT_CLIENT_MAX_RETRIES"] = "1"  # a server that has ended does not come back
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        # This server does not watch heartbeats, and each flow would wait a second for its own to stop.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            return _with_prefect(recipe, config, settings, observer, grid)


def require_demo_port(config: PipelineConfig, settings: Settings) -> None:
    """The demo's site can be served, if a stage that asks it is still to be run.

    Raises:
        PortInUseError: something else listens on its port.
    """
    if not config.source.is_demo:
        return
    asking = [artifact for artifact in plan(config, settings) if artifact.stage in STAGES_OF_THE_SITE]
    if not all(artifact.is_finished() for artifact in asking):
        require_port(config.source.port)


def _directly(run: Run, recipe: RecipeName, config: PipelineConfig, grid: Grid | None) -> Artifact:
    if grid is not None:
        return ablate(run, config, grid)
    return run_pipeline(run, config, lambda pairs: require_approved(recipe, config, pairs, run.settings))


def _with_prefect(
    recipe: RecipeName, config: PipelineConfig, settings: Settings, observer: Silent, grid: Grid | None
) -> Artifact:
    from prefect.exceptions import PrefectSignal, TerminationSignal

    from flows import deployments
    from flows.publish import interruption, is_server_loss, sentence
    from flows.stage_task import LOST, watched_by

    logging.raiseExceptions = False  # what cannot be logged on a lost server is not to be told line by line
    changes = differences(recipe_config(recipe), config)
    try:
        with watched_by(observer):
            if grid is not None:
                return deployments.ablation(recipe, changes, grid, settings)
            return deployments.pipeline(recipe, changes, settings)
    except PrefectSignal as error:  # the server says that the run is not to go on, as after Cancel in its UI
        raise ServerError(sentence(error)) from error
    except Exception as error:
        if (ended_by := interruption(error)) is not None:
            if isinstance(ended_by, TerminationSignal):
                signal.raise_signal(ended_by.signal)  # ends this process, as it does where the server answers
            raise ended_by from None
        if not is_server_loss(error):
            raise
        if not observer.stages:
            print(LOST, file=sys.stderr, flush=True)
        # What is left of it: nothing, if the server was lost while the run went on.
        return _directly(DirectRun(settings, [] if observer.stages else [observer]), recipe, config, grid)


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
