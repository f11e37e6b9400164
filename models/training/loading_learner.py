"""What learners share whose batches a loader makes ahead."""

from abc import abstractmethod
from collections.abc import Sequence, Sized

from torch import nn

from models.training.config import TrainingConfig
from models.training.loader import Loader
from models.training.loop import Batch, Learner
from models.training.randomness import Step
from models.training.shards import Shards
from models.training.windows import Rows


class LoadingLearner(Learner):
    """A learner whose batches are made of rows of shards, ahead of the step; each trainer adds `collate`.

    Attributes:
        loader: of the training batches.
        val: the pairs that training does not see.
    """

    val: Sized

    def __init__(
        self,
        model: nn.Module,
        training: TrainingConfig,
        shards: Shards,
        columns: Sequence[str],
        workers: int,
        val: Sized,
    ) -> None:
        super().__init__()
        self.model = model
        self.training_config = training
        self.loader = Loader(shards, columns, self.collate, training, workers)
        self.val = val

    def held_out(self) -> int:
        """Pairs that training does not see."""
        return len(self.val)

    @abstractmethod
    def collate(self, step: Step, rows: Rows) -> Batch:
        """The batch of a step out of its rows; runs in another thread or process, so it may not change anything."""

    def batch(self, step: Step) -> Batch:
        """What `collate` makes of this rank's rows of the step.

        Raises:
            DataError: a shard cannot be read, or an image not be decoded; it names the pair.
        """
        return self.loader.batch(step)

    def names(self, step: Step) -> list[str]:
        """Ids of the pairs of a step, those of all ranks."""
        return self.loader.names(step)

    def data_waits(self) -> dict[str, float]:
        """`data_wait_share`: of the steps, that waited for longer than a millisecond; `data_wait_s`: altogether."""
        waiting = self.loader.waiting
        return {"data_wait_share": round(waiting.share, 4), "data_wait_s": round(waiting.seconds, 3)}
