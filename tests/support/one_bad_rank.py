"""A trainer that fits a line, whose gradients on the last rank are not numbers from step 20 on: run by torchrun."""

import sys

import torch

from models.config import Frozen
from models.training.config import Sharding, TrainingConfig
from models.training.distributed import Ranks
from models.training.entry import end, main, run
from models.training.loop import Batch, Learner
from models.training.randomness import Step

FIRST_BAD = 20


class Line(Frozen):
    """y = slope x."""

    slope: float = 2.0


class Job(Frozen):
    model: Line = Line()
    training: TrainingConfig
    sharding: Sharding = Sharding()
    out: str


class LineLearner(Learner):
    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Linear(1, 1)

    def batch(self, step: Step) -> Batch:
        return {"x": step.uniform("x", 4, (1,))}

    def names(self, step: Step) -> list[str]:
        return [f"pair-{step.number}-{i}" for i in range(4)]

    def forward(self, batch: Batch, step: Step) -> dict[str, torch.Tensor]:
        bad = step.number >= FIRST_BAD and step.rank == step.world - 1
        loss = (self.model(batch["x"]) - 2 * batch["x"]).square().mean()
        return {"loss": loss * (float("nan") if bad else 1.0)}

    def validate(self) -> dict[str, float]:
        return {}


def train(job: Job, ranks: Ranks) -> None:
    run(LineLearner(), job, ranks)


if __name__ == "__main__":
    end(main(Job, train, sys.argv[1:]))
