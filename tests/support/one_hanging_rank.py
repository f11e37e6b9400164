"""A trainer that fits a line, and whose last rank hangs at step 5: run by torchrun."""

import sys
import time

from models.training.distributed import Ranks
from models.training.entry import end, main, run
from models.training.loop import Batch
from models.training.randomness import Step
from support.one_bad_rank import Job, LineLearner

HANGS_AT = 5


class HangingLearner(LineLearner):
    def batch(self, step: Step) -> Batch:
        if step.number == HANGS_AT and step.rank == step.world - 1:
            hang()
        return super().batch(step)


def hang() -> None:
    time.sleep(3600)


def train(job: Job, ranks: Ranks) -> None:
    run(HangingLearner(), job, ranks)


if __name__ == "__main__":
    end(main(Job, train, sys.argv[1:]))
