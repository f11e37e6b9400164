"""The artifacts a config leads to, whether or not they are made yet."""

from flows.config import PipelineConfig
from flows.dataset import dataset
from flows.evaluation import evaluation
from flows.run import planned
from flows.training import Models, training
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.settings import Settings


def plan(config: PipelineConfig, settings: Settings) -> list[Artifact]:
    """All artifacts of the pipeline, in the order they would be made. Does no work."""
    found: list[Artifact] = []
    run = planned(settings, found)
    pairs = dataset(config, run)
    evaluation(config, run, pairs, training(config, run, pairs))
    return found


def trained(config: PipelineConfig, settings: Settings) -> tuple[Artifact, Models]:
    """The packed pairs and the models of a config.

    Raises:
        ConfigError: not all of them are finished.
    """
    needed: list[Artifact] = []
    run = planned(settings, needed)
    pairs = dataset(config, run)
    models = training(config, run, pairs)
    missing = [artifact.stage for artifact in needed if not artifact.is_finished()]
    if missing:
        raise ConfigError(f"The models of this config are not trained yet ({missing[0]} is missing): run `dalle run`.")
    return pairs, models
