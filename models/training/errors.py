"""Errors of a training run that the user can mend; each message is one sentence."""

from collections.abc import Sequence

_NAMES_SHOWN = 64


class TrainingError(Exception):
    """A failure whose message is meant for the person who started the run."""


class NonFiniteGradientsError(TrainingError):
    """The gradients of too many updates in a row were infinite or not numbers.

    Attributes:
        step: the 0-based step of the last of them.
        names: the examples of that step on this rank.
    """

    def __init__(self, step: int, in_a_row: int, names: Sequence[str]) -> None:
        shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
        pairs = f"; the pairs of that step: {shown}" if names else ""
        super().__init__(
            f"the gradients of {in_a_row} updates in a row up to step {step} were not finite: lower the learning rate "
            f"or look at the data{pairs}; the last checkpoint holds the weights from before"
        )
        self.step = step
        self.names = list(names)


class StoppedError(TrainingError):
    """SIGTERM ended the run.

    Attributes:
        step: updates that the checkpoint holds.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"training was stopped by SIGTERM and saved after {step} steps: run again to go on")
        self.step = step


class LostRankError(TrainingError):
    """Another rank, its machine or the network between them is gone, or does not answer in time."""


class ResumeMismatchError(TrainingError):
    """The output folder holds the state of a different job."""


class DataError(TrainingError):
    """A shard is missing, empty, or does not hold what the trainer needs."""


class ImageTooSmallError(DataError):
    """An image is smaller than the crop that is to be cut from it."""


class CheckpointError(TrainingError):
    """A checkpoint folder does not hold what its model needs."""
