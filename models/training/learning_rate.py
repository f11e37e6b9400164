"""The learning rate of a run: a function of the step, or one that falls when the training loss no longer does."""

import math

import torch
from torch import Tensor

from models.training.config import TrainingConfig
from models.training.schedules import linear_warmup, warmup_cosine


class LearningRate:
    """Linear warm-up, then half a cosine down to the final rate."""

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config

    def at(self, step: int) -> float:
        """The rate of the update about to be made, counted from 0."""
        c = self._config
        return warmup_cosine(c.learning_rate, c.final_learning_rate, c.warmup_steps, c.ramp_steps, step)

    def observe(self, step: int, loss: float) -> None:
        """Take note of the loss of a logged step, its mean over all ranks."""

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of this."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` returned."""


class PlateauLearningRate(LearningRate):
    """Linear warm-up, then half of the rate at every plateau of the training loss, down to the final rate (B.2).

    The authors halved it by hand where they saw a plateau, and publish no rule. This one is ours. The logged losses
    after the warm-up fall into windows of `plateau_steps` updates. When the mean of a window is not lower than that of
    the window before by `plateau_improvement`, a share of it, the loss is at a plateau: the rate is halved, and the
    next window is compared with none. A loss that is not a number is passed over.

    Logged losses are the mean over all ranks and the same number on each, so all ranks halve at the same step.
    """

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config)
        self._state = {
            "halvings": 0.0,
            "start": float(config.warmup_steps),  # first step of the window
            "sum": 0.0,  # of the window's losses
            "count": 0.0,
            "before": math.inf,  # mean of the window before
        }

    def at(self, step: int) -> float:
        """The rate of the update about to be made, counted from 0, after all that was observed."""
        c = self._config
        halved = c.learning_rate / 2 ** self._state["halvings"]
        return linear_warmup(max(halved, c.final_learning_rate), c.warmup_steps, step)

    def observe(self, step: int, loss: float) -> None:
        """Take note of the loss of a logged step, its mean over all ranks; the rate of the next step may be half."""
        s = self._state
        if step < s["start"]:
            return
        if math.isfinite(loss):
            s["sum"], s["count"] = s["sum"] + loss, s["count"] + 1
        if s["count"] and step + 1 - s["start"] >= self._config.plateau_steps:
            mean = s["sum"] / s["count"]
            falls = s["before"] == math.inf or mean <= s["before"] - self._config.plateau_improvement * abs(s["before"])
            s["halvings"] += not falls
            s |= {"start": step + 1.0, "sum": 0.0, "count": 0.0, "before": mean if falls else math.inf}

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of this: float64 scalars."""
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in self._state.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` returned."""
        self._state |= {name: float(tensor) for name, tensor in tensors.items()}


def learning_rate(config: TrainingConfig) -> LearningRate:
    """The learning rate that a configuration asks for."""
    return LearningRate(config) if config.schedule == "cosine" else PlateauLearningRate(config)
