"""How long the cells of a grid take: what is finished was measured; what is not is estimated from that, or planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from flows.config import PipelineConfig
from flows.cost import prior_model
from models.planning.hardware import Hardware
from models.planning.parallel import Parallel
from models.planning.training_plan import plan_prior
from tasks.ablation.config import Cell
from tasks.engine.artifact import Artifact
from tasks.train.prior import train_prior


@dataclass(frozen=True)
class CellEstimate:
    """A cell, how many of its own artifacts are made, and the seconds that are left for the others.

    Attributes:
        parameters: of its prior, with as many text tokens as its tokenizer may have.
        measured: whether a finished training of the grid told the seconds; else they are planned, for the training.
    """

    cell: Cell
    parameters: int
    made: int
    artifacts: int
    seconds: float
    measured: bool


def estimates(
    configs: Mapping[Cell, PipelineConfig], planned: Mapping[Cell, Sequence[Artifact]], hardware: Hardware
) -> list[CellEstimate]:
    """One for each cell.

    A training takes as long as those of its size took that are finished, for as many updates; without one, as planned,
    and as much longer or shorter as the others were than planned. Drawing and measuring take what they took elsewhere.

    Args:
        planned: the artifacts of each cell, as of `planned_cells`.
    """
    plans = {
        cell: plan_prior(prior_model(own), own.prior.training, Parallel(), hardware) for cell, own in configs.items()
    }
    took = {cell: _seconds(artifacts) for cell, artifacts in planned.items()}
    trained = {cell: stages[train_prior.name] for cell, stages in took.items() if train_prior.name in stages}
    slower = [seconds / (3600 * plans[cell].hours) for cell, seconds in trained.items()]
    found = []
    for cell, artifacts in planned.items():
        alike = [seconds for other, seconds in trained.items() if other.model == cell.model]
        training = mean(alike) if alike else 3600 * plans[cell].hours * (mean(slower) if slower else 1.0)
        left = [artifact.stage for artifact in artifacts if artifact.stage not in took[cell]]
        others = [
            [stages[name] for stages in took.values() if name in stages] for name in left if name != train_prior.name
        ]
        found.append(
            CellEstimate(
                cell=cell,
                parameters=plans[cell].parameters,
                made=len(took[cell]),
                artifacts=len(artifacts),
                seconds=(training if train_prior.name in left else 0.0) + sum(mean(each) for each in others if each),
                measured=bool(trained),
            )
        )
    return found


def _seconds(artifacts: Sequence[Artifact]) -> dict[str, float]:
    """How long each finished one took, by stage."""
    return {each.stage: each.manifest().run.seconds for each in artifacts if each.is_finished()}
