"""The artifacts a config leads to, whether or not they are made yet."""

from flows.config import PipelineConfig
from flows.pipeline import Models, dataset, pipeline, training
from flows.run import PlannedRun
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.settings import Settings


def plan(config: PipelineConfig, settings: Settings) -> list[Artifact]:
    """All artifacts of the pipeline, in the order they would be made. Does no work."""
    run = PlannedRun(settings)
    pipeline(run, config)
    return run.artifacts


def packed(config: PipelineConfig, settings: Settings, command: str = "dalle run") -> Artifact:
    """The packed pairs of a config.

    Args:
        command: makes what is missing; for the message.

    Raises:
        ConfigError: they are not finished.
    """
    run = PlannedRun(settings)
    pairs = dataset(run, config)
    _require_finished(run, "The pairs of this config are not packed yet", command)
    return pairs


def trained(config: PipelineConfig, settings: Settings, command: str = "dalle run") -> tuple[Artifact, Models]:
    """The packed pairs and the models of a config.

    Args:
        command: makes what is missing; for the message.

    Raises:
        ConfigError: not all of them are finished.
    """
    run = PlannedRun(settings)
    pairs = dataset(run, config)
    models = training(run, config, pairs)
    _require_finished(run, "The models of this config are not trained yet", command)
    return pairs, models


def _require_finished(run: PlannedRun, else_said: str, command: str) -> None:
    missing = next((artifact.stage for artifact in run.artifacts if not artifact.is_finished()), None)
    if missing is not None:
        raise ConfigError(f"{else_said} ({missing} is missing): run `{command}`.")
