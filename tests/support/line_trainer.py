"""A trainer that fits a line by the real training loop and notes every step it takes: run by torchrun."""

import sys
import time
from pathlib import Path

import torch

from models.config import Frozen
from models.training.config import Sharding, TrainingConfig
from models.training.distributed import Ranks
from models.training.entry import end, main, prepare, run
from models.training.loop import Batch, Learner
from models.training.randomness import Step

STEPS = "steps"  # the number of every step that was begun, a line each; by the first rank


class Line(Frozen):
    """y = slope x."""

    slope: float = 2.0


class Job(Frozen):
    """`seconds_per_step` of sleep leave time to disturb it."""

    model: Line = Line()
    training: TrainingConfig
    sharding: Sharding = Sharding()
    out: str
    seconds_per_step: float = 0.1


class LineLearner(Learner):
    """Each example is a function of its number alone, so that any number of ranks trains on the same."""

    def __init__(self, job: Job, ranks: Ranks) -> None:
        super().__init__()
        self.model = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
        self._job = job
        self._steps = Path(job.out, STEPS) if ranks.is_first else None

    def batch(self, step: Step) -> Batch:
        if self._steps is not None:
            with self._steps.open("a") as steps:
                steps.write(f"{step.number}\n")
        time.sleep(self._job.seconds_per_step)
        return {"x": step.uniform("x", self._job.training.batch_size, (1,))}

    def forward(self, batch: Batch, step: Step) -> dict[str, torch.Tensor]:
        return {"loss": (self.model(batch["x"]) - self._job.model.slope * batch["x"]).square().mean()}

    def validate(self) -> dict[str, float]:
        return {}


def train(job: Job, ranks: Ranks) -> None:
    prepare(job.training, ranks)
    run(LineLearner(job, ranks), job, ranks)


if __name__ == "__main__":
    end(main(Job, train, sys.argv[1:]))
