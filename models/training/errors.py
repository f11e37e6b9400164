"""Errors of a training run that the user can mend; each message is one sentence."""


class TrainingError(Exception):
    """A failure whose message is meant for the person who started the run."""


class NonFiniteLossError(TrainingError):
    """The loss became infinite or not a number.

    Attributes:
        step: the 0-based step that failed.
        value: the loss of that step.
    """

    def __init__(self, step: int, value: float) -> None:
        super().__init__(f"the loss is {value} at step {step}: lower the learning rate or look at the data")
        self.step = step
        self.value = value


class ResumeMismatchError(TrainingError):
    """The output folder holds the state of a different job."""


class DataError(TrainingError):
    """A shard is missing, empty, or does not hold what the trainer needs."""


class ImageTooSmallError(DataError):
    """An image is smaller than the crop that is to be cut from it."""


class CheckpointError(TrainingError):
    """A checkpoint folder does not hold what its model needs."""
