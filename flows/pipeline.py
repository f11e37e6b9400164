"""The flows: the DAG of `dataset`, `training` and `evaluation` with every stage a task run.

Prefect's own store of results stays off: results are artifacts under the root, handed on by address.
"""

from datetime import UTC, datetime

from prefect import flow
from prefect.runtime import flow_run

from flows import recipes
from flows.config import PipelineConfig
from flows.dataset import dataset
from flows.evaluation import evaluation
from flows.plan import trained
from flows.publish import publish_run
from flows.stage_task import as_tasks
from flows.training import Models, training
from tasks.engine.artifact import Artifact
from tasks.settings import Settings

DEMO = recipes.demo()
HERE = Settings()


def started() -> str:
    """The start as the name of a flow run, which says more than a made-up one; short where it stands in a graph."""
    return datetime.now(UTC).strftime("%H:%M:%S" if flow_run.parent_flow_run_id else "%Y-%m-%d %H:%M:%S")


@flow(name="dataset", flow_run_name=started, persist_result=False)
def dataset_flow(config: PipelineConfig = DEMO, settings: Settings = HERE) -> Artifact:
    """Sources in, packed training pairs out."""
    return dataset(config, as_tasks(settings))


@flow(name="training", flow_run_name=started, persist_result=False)
def training_flow(config: PipelineConfig, settings: Settings, pairs: Artifact) -> Models:
    """Packed pairs in, four models out."""
    return training(config, as_tasks(settings), pairs)


@flow(name="evaluation", flow_run_name=started, persist_result=False)
def evaluation_flow(config: PipelineConfig, settings: Settings, pairs: Artifact, models: Models) -> Artifact:
    """Models in, report out."""
    return evaluation(config, as_tasks(settings), pairs, models)


@flow(name="dalle-pipeline", flow_run_name=started, persist_result=False)
def pipeline(config: PipelineConfig = DEMO, settings: Settings = HERE) -> Artifact:
    """Everything, from the crawl to the report. What is finished already is reused."""
    pairs = dataset_flow(config, settings)
    models = training_flow(config, settings, pairs)
    report = evaluation_flow(config, settings, pairs, models)
    publish_run(report)
    return report


@flow(name="ingest", flow_run_name=started, persist_result=False)
def ingest(config: PipelineConfig = DEMO, settings: Settings = HERE) -> Artifact:
    """Crawls and packs. Live sites are crawled afresh on every scheduled day, other sources only when they change.

    The same config names the same work, so a live site would be crawled once and never again; a scheduled run
    therefore sets `source.snapshot` to its day, unless the config names a snapshot.
    """
    return dataset_flow(of_the_day(config, flow_run.scheduled_start_time), settings)


@flow(name="re-evaluation", flow_run_name=started, persist_result=False)
def re_evaluation(config: PipelineConfig = DEMO, settings: Settings = HERE) -> Artifact:
    """Samples, ranks, measures and reports again where that is missing; never trains.

    Raises:
        ConfigError: the models of this config are not trained yet.
    """
    pairs, models = trained(config, settings)
    return evaluation_flow(config, settings, pairs, models)


def of_the_day(config: PipelineConfig, day: datetime | None) -> PipelineConfig:
    """The config with the day as the snapshot of its live sites."""
    source = config.source
    if not source.sites or source.snapshot or day is None:
        return config
    return config.model_copy(update={"source": source.model_copy(update={"snapshot": day.strftime("%Y-%m-%d")})})
