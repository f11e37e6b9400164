"""A trainer of two residual blocks, the first of which overflows on the last rank at step 3 alone: run by torchrun.

Each rank writes the scales that it ends with to scales-RANK.json.
"""

import json
import sys
from pathlib import Path

import torch

from models.training.block_scale import Branch
from models.training.distributed import Ranks
from models.training.entry import end, main, run
from models.training.loop import Batch, Learner
from models.training.randomness import Step
from support.one_bad_rank import Job


class OverflowingLearner(Learner):
    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.ModuleList([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)])
        self._branches = [Branch(layer) for layer in self.model]

    def batch(self, step: Step) -> Batch:
        return {"x": step.uniform("x", 4, (1,))}

    def forward(self, batch: Batch, step: Step) -> dict[str, torch.Tensor]:
        first, second = (branch(batch["x"]) for branch in self._branches)
        overflows = step.number == 3 and step.rank == step.world - 1
        return {"loss": first.mean() * (1e6 if overflows else 1.0) + second.mean()}

    def scaled_branches(self) -> list[Branch]:
        return self._branches

    def scales(self) -> list[float]:
        return [float(branch.scale) for branch in self._branches if branch.scale is not None]

    def validate(self) -> dict[str, float]:
        return {}


def train(job: Job, ranks: Ranks) -> None:
    learner = OverflowingLearner()
    run(learner, job, ranks)
    (Path(job.out) / f"scales-{ranks.rank}.json").write_text(json.dumps(learner.scales()))


if __name__ == "__main__":
    end(main(Job, train, sys.argv[1:]))
