"""Errors of a training run that the user can mend; each message is one sentence."""

from collections.abc import Mapping, Sequence
from pathlib import Path

_NAMES_SHOWN = 64
_PLACES_SHOWN = 3
_RANKS_SHOWN = 8


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


class HangError(TrainingError):
    """No step ended for too long.

    Attributes:
        step: the 0-based step that did not end.
    """

    def __init__(self, step: int, seconds: float, places: Mapping[str, Sequence[int]], stacks: Path) -> None:
        """Args:
        places: ranks by the function in which they stand; many wait for few.
        """
        rarest = sorted(places.items(), key=lambda place: len(place[1]))[:_PLACES_SHOWN]
        stand = ", ".join(f"{_ranks(ranks)} in {place}" for place, ranks in rarest)
        super().__init__(
            f"training hangs: step {step} did not end in {seconds:g} s, with {stand}; the stacks of all threads are in "
            f"{stacks}; run again to go on from the last checkpoint, with a larger hang_seconds if a step takes longer"
        )
        self.step = step


def _ranks(ranks: Sequence[int]) -> str:
    shown = ", ".join(str(rank) for rank in ranks[:_RANKS_SHOWN]) + (", ..." if len(ranks) > _RANKS_SHOWN else "")
    return f"rank {shown}" if len(ranks) == 1 else f"ranks {shown}"


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
