"""A run from the command line: with Prefect or without, and what it says in the end."""

from typing import Any

from flows import environment
from flows.config import PipelineConfig
from flows.console import Silent
from flows.wording import figure, numbers
from tasks.artifact import Artifact
from tasks.settings import Settings


def execute(config: PipelineConfig, settings: Settings, observer: Silent, no_prefect: bool) -> Artifact:
    """Runs the pipeline under the observer's eyes and returns the report."""
    if no_prefect:
        return _directly(config, settings, observer)
    environment.use_running_server()
    from flows.pipeline import pipeline
    from flows.stage_task import watched_by

    with watched_by(observer):
        return pipeline(config, settings)


def _directly(config: PipelineConfig, settings: Settings, observer: Silent) -> Artifact:
    from flows.dataset import dataset
    from flows.evaluation import evaluation
    from flows.run import directly
    from flows.training import training

    run = directly(settings, observer)
    pairs = dataset(config, run)
    return evaluation(config, run, pairs, training(config, run, pairs))


def report_page(report: Artifact) -> str:
    """Where the page of a report artifact is."""
    return report.file("index.html")


def summary(report: Artifact, observer: Silent) -> dict[str, Any]:
    """Everything a script wants to know of a finished run."""
    figures = next((numbers(stage["metrics"]) for stage in observer.stages if stage["stage"] == "evaluate"), {})
    return {"report": report_page(report), "figures": figures, "stages": observer.stages}


def closing_lines(found: dict[str, Any]) -> list[str]:
    """The headline figures and the report's place."""
    figures = ", ".join(f"{name} {figure(value)}" for name, value in found["figures"].items())
    reused = sum(stage["reused"] for stage in found["stages"])
    made = len(found["stages"]) - reused
    return [f"{made} stages made, {reused} reused.", *([figures] if figures else []), f"Report: {found['report']}"]
