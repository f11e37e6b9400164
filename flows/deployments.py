"""The flows that Prefect deploys, schedules and shows: `infra/prefect.yaml` names them.

Each takes a recipe and the changes to it. Prefect does not store results (`persist_result=False`): results are
artifacts under the root, and flows pass references to them.
"""

import json
from datetime import UTC, datetime

from prefect import flow
from prefect.runtime import flow_run

from flows.ablation.flow import ablate
from flows.ablation.grid import Grid
from flows.approval.pause import wait_for_approval
from flows.approval.request import request
from flows.changes import Changes, changed
from flows.comparison import comparison as compare_sides
from flows.config import PipelineConfig
from flows.pipeline import dataset, evaluation
from flows.pipeline import pipeline as whole_pipeline
from flows.plan import trained
from flows.publish import publish_ablation, publish_run
from flows.recipes import DEFAULT_RECIPE, RecipeName, recipe_config
from flows.stage_task import PrefectRun, start_time
from flows.wording import without_passwords
from tasks.compare.config import require_sides
from tasks.compare.sides import find_side, yardstick_of
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.funnel.stage import funnel
from tasks.preflight import require_ready
from tasks.settings import Settings

NO_CHANGES: Changes = {}
WHOLE_GRID = Grid()


@flow(name="dalle-pipeline", flow_run_name=start_time, persist_result=False)
def pipeline(
    recipe: RecipeName = DEFAULT_RECIPE, changes: Changes = NO_CHANGES, settings: Settings | None = None
) -> Artifact:
    """The whole pipeline, from the crawl to the report. Stages that are finished already are reused.

    Where the trainings are planned to cost more than a bound of `settings.approval`, the run waits for a person's
    approval before them.

    Args:
        recipe: a complete config by name; `dalle recipes` describes them.
        changes: what differs from the recipe, such as {"dvae.training.steps": 2000}; sections may be nested.
        settings: storage, Dask and processes to run with; the defaults when unset. Changes no result.

    Raises:
        ApprovalError: the approval was refused, or nobody answered in time.
    """
    config = _config(recipe, changes)
    require_ready(config.stages, settings or Settings())
    run = PrefectRun(_settings(settings, recipe, changes))

    def approve(pairs: Artifact) -> None:
        if needed := request(recipe, config, pairs, run.settings):
            wait_for_approval(needed, run.settings.approval.within_hours)

    report = whole_pipeline(run, config, approve)
    publish_run(report)
    return report


@flow(name="ingest", flow_run_name=start_time, persist_result=False)
def ingest(
    recipe: RecipeName = DEFAULT_RECIPE, changes: Changes = NO_CHANGES, settings: Settings | None = None
) -> Artifact:
    """Crawls, packs and gives account of what was kept and refused.

    Live sites are crawled again on every scheduled day, other sources only when they change.

    The fingerprint of a live site's crawl depends on the config alone, so with an unchanged config the first crawl
    would be reused for ever. A scheduled run therefore sets `source.snapshot` to its date, unless the config has one.

    Args:
        recipe: a complete config by name; `dalle recipes` describes them.
        changes: what differs from the recipe, such as {"dvae.training.steps": 2000}; sections may be nested.
        settings: storage, Dask and processes to run with; the defaults when unset. Changes no result.
    """
    config = of_the_day(_config(recipe, changes), flow_run.scheduled_start_time)
    require_ready(config.stages, settings or Settings())
    run = PrefectRun(settings or Settings())
    pairs = run.part(dataset, config)
    run(funnel, config.funnel, pairs=pairs)
    return pairs


@flow(name="re-evaluation", flow_run_name=start_time, persist_result=False)
def re_evaluation(
    recipe: RecipeName = DEFAULT_RECIPE, changes: Changes = NO_CHANGES, settings: Settings | None = None
) -> Artifact:
    """Samples, ranks, measures and reports again where that is missing; never trains.

    Args:
        recipe: a complete config by name; `dalle recipes` describes them.
        changes: what differs from the recipe, such as {"dvae.training.steps": 2000}; sections may be nested.
        settings: storage, Dask and processes to run with; the defaults when unset. Changes no result.

    Raises:
        ConfigError: the models of this config are not trained yet.
    """
    config = _config(recipe, changes)
    require_ready(config.stages, settings or Settings())
    pairs, models = trained(config, settings or Settings(), f"dalle run --recipe {recipe}")
    run = PrefectRun(_settings(settings, recipe, changes))
    return run.part(evaluation, config, pairs, models, run(funnel, config.funnel, pairs=pairs))


@flow(name="ablation", flow_run_name=start_time, persist_result=False)
def ablation(
    recipe: RecipeName = "ablation",
    changes: Changes = NO_CHANGES,
    grid: Grid = WHOLE_GRID,
    settings: Settings | None = None,
) -> Artifact:
    """Which mattered more, data or model: a prior for each share of the data, size and seed, compared at equal tokens.

    What the cells share is made once, and what is finished is reused, so a stopped grid goes on where it was.

    Args:
        recipe: a complete config by name, the middle of the grid; `dalle recipes` describes them.
        changes: what differs from the recipe, such as {"prior.training.steps": 2000}; sections may be nested.
        grid: shares of the data, sizes of the prior, and number of seeds.
        settings: storage, Dask and processes to run with; the defaults when unset. Changes no result.

    Raises:
        ConfigError: a bound of `settings.approval` is set, which only the pipeline asks about.
    """
    config = _config(recipe, changes)
    require_ready(config.stages, settings or Settings())
    run = PrefectRun(_settings(settings, recipe, changes))
    if run.settings.approval.has_bound:
        raise ConfigError("An ablation asks nobody for approval: leave out approval, and see `dalle ablate --plan`.")
    compared = ablate(run, config, grid)
    publish_ablation(compared)
    return compared


@flow(name="comparison", flow_run_name=start_time, persist_result=False)
def comparison(sides: list[str], settings: Settings | None = None) -> Artifact:
    """Compares runs, or a run with another model's pictures, prompt by prompt; judges what is not judged yet.

    Args:
        sides: roots or artifacts of runs, and folders of pictures, as of `dalle compare`. The first run's root holds
            the comparison.
        settings: Dask and processes to run with; the defaults when unset. Changes no result.

    Raises:
        ConfigError, SourceError: there are too few sides, none is a run, or one is not there.
    """
    require_sides(sides)
    found = [find_side(name) for name in sides]
    settings = (settings or Settings()).model_copy(update={"root": yardstick_of(found).root})
    return PrefectRun(settings).part(compare_sides, found)


def of_the_day(config: PipelineConfig, day: datetime | None) -> PipelineConfig:
    """The config with the date of `day` (UTC) as its snapshot, if it crawls live sites and has no snapshot yet."""
    source = config.source
    if not source.is_live or source.snapshot or day is None:
        return config
    snapshot = day.astimezone(UTC).strftime("%Y-%m-%d")
    return config.model_copy(update={"source": source.model_copy(update={"snapshot": snapshot})})


def _settings(settings: Settings | None, recipe: RecipeName, changes: Changes) -> Settings:
    """The settings, with the deployment as what started the run unless they say it already."""
    settings = settings or Settings()
    changed_values = without_passwords(json.dumps(changes, ensure_ascii=False))
    command = settings.command or f"a deployment with recipe {recipe} and changes {changed_values}"
    return settings.model_copy(update={"command": command})


def _config(recipe: RecipeName, changes: Changes) -> PipelineConfig:
    return changed(recipe_config(recipe), changes)
