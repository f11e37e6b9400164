"""What a person is asked before trainings begin that are planned to cost more than a bound of the settings."""

from flows.approval.here import preset_here
from flows.config import PipelineConfig
from flows.cost import Cost, hardware_named, planned_cost
from flows.pages.cost_table import figures, lines
from flows.pipeline import training
from flows.recipes import RecipeName
from flows.recipes.scales import SCALES
from flows.run import PlannedRun
from models.config import Frozen
from models.planning.hardware import PRESETS
from models.planning.parallel import Parallel
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError, PipelineError
from tasks.launch.launcher import Launcher
from tasks.launch.local import LocalLauncher
from tasks.settings import Approval, Settings


class ApprovalError(PipelineError):
    """Trainings cost more than what may be spent without a person's approval, and were not approved."""


class ApprovalRequest(Frozen):
    """What is asked.

    Attributes:
        reason: a sentence without its full stop.
        figures: those by which to decide, each with its name.
        plan: as `dalle plan` prints it, of the trainings that are left.
    """

    reason: str
    figures: tuple[tuple[str, str], ...]
    plan: str


def request(recipe: RecipeName, config: PipelineConfig, pairs: Artifact, settings: Settings) -> ApprovalRequest | None:
    """What a person is to be asked before the trainings on `pairs`; None if they cost no more than the bounds.

    Trainings that are finished cost nothing. The others are planned for the processors that the settings name or this
    machine has, and for as many processes as the settings say.

    Raises:
        ConfigError: there is a bound in money and no price, or the trainings cannot be planned.
    """
    bounds = settings.approval
    if not bounds.has_bound:
        return None
    planned = PlannedRun(settings)
    training(planned, config, pairs)
    made = {artifact.stage for artifact in planned.artifacts if artifact.is_finished()}
    left = [artifact.stage for artifact in planned.artifacts if artifact.stage not in made]
    if not left:
        return None
    hardware = hardware_named(bounds.hardware or _preset(settings.launcher), bounds.price_per_hour)
    scale = SCALES[recipe].model_copy(update={"parallel": _layout(settings.launcher)})
    cost = planned_cost(config, scale, hardware, made)
    above = _above(cost, bounds)
    if above is None:
        return None
    trainings = [name for name in ("train_dvae", "train_prior") if name in left]
    by = ("launcher", settings.launcher.kind)
    return ApprovalRequest(
        reason=f"{' and '.join(trainings)} would take {above}",
        figures=(by, *figures(cost)),
        plan="\n".join(lines(recipe, cost)),
    )


def require_approved(recipe: RecipeName, config: PipelineConfig, pairs: Artifact, settings: Settings) -> None:
    """The trainings may begin where nobody can be asked.

    Raises:
        ApprovalError: they cost more than a bound.
        ConfigError: as for `request`.
    """
    needed = request(recipe, config, pairs, settings)
    if needed is not None:
        raise ApprovalError(f"{needed.reason}: run again with --approve to begin, or `dalle plan` to see the plan.")


def _preset(launcher: Launcher) -> str:
    if isinstance(launcher, LocalLauncher):
        return preset_here()
    raise ConfigError(
        f"The trainings run where this machine cannot see the GPUs, so they cannot be planned: name the closest of "
        f"{', '.join(PRESETS)} with --hardware or the setting approval.hardware."
    )


def _layout(launcher: Launcher) -> Parallel:
    nodes, ranks = launcher.nodes, launcher.ranks_per_node
    return Parallel(mode="single" if nodes * ranks == 1 else "ddp", machines=nodes, gpus_per_machine=ranks)


def _above(cost: Cost, bounds: Approval) -> str | None:
    """How much of what is more than which bound; None if there is enough."""
    gpu_hours = cost.hours * cost.parallel.ranks
    if bounds.above_gpu_hours is not None and gpu_hours > bounds.above_gpu_hours:
        return f"{gpu_hours:,.3g} hours of a GPU, and {bounds.above_gpu_hours:,g} may be used without approval"
    if bounds.above_money is None:
        return None
    if cost.money is None:
        raise ConfigError(
            f"The trainings cannot be compared with a bound in money, as {cost.hardware.name} has no price: give it "
            "with --price or the setting approval.price_per_hour."
        )
    if cost.money > bounds.above_money:
        return f"{cost.money:,.2f} in money, and {bounds.above_money:,g} may be spent without approval"
    return None
