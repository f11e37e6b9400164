"""The training loop of all trainers: update, EMA, log, checkpoint, and bit-exact resume."""

import json
import math
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.files import CURVES, PROGRESS, STATE
from models.training.checkpoint import read_tensors, write_tensors
from models.training.config import TrainingConfig
from models.training.distributed import Ranks, has_bf16, in_parallel, in_sync, mean_over_ranks
from models.training.errors import NonFiniteLossError, ResumeMismatchError
from models.training.muon import Matrix
from models.training.optimiser import (
    EMA,
    optimiser_tensors,
    optimisers,
    restore_optimisers,
    set_learning_rate,
)
from models.training.randomness import Step
from models.training.records import MetricsFile, ProgressFile
from models.training.schedules import warmup_cosine

Batch = dict[str, Tensor]


class Learner(nn.Module, ABC):
    """A model with its batches, losses and validation; each trainer defines one.

    Attributes:
        model: the part that is saved.
    """

    model: nn.Module

    @abstractmethod
    def batch(self, step: Step) -> Batch:
        """This rank's inputs of one step, as a pure function of the step."""

    @abstractmethod
    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        """Scalars of one step: "loss", which is minimised, and others for the log."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Metrics of the model with its current weights; called on the first rank only."""

    def names(self, step: Step) -> list[str]:
        """Names of the examples of a step, those of all ranks, for messages; none if they have no names."""
        return []

    def data_waits(self) -> dict[str, float]:
        """How long steps waited for their batches, for done.json; nothing if batches are made when asked for."""
        return {}

    def matrices(self) -> list[Matrix]:
        """Weights that Muon may train, if the configuration asks for it."""
        return []

    def settings(self, step: Step) -> dict[str, float]:
        """Scheduled values of one step for the log, beside the learning rate."""
        return {}


class Loop:
    """One run and its state: weights, optimiser, EMA and step; everything else is a function of the step."""

    def __init__(self, learner: Learner, config: TrainingConfig, out: Path, ranks: Ranks, job: str) -> None:
        """Prepare a run, or resume the one whose state is in `out`.

        Args:
            job: the whole job as text, to compare on resume.

        Raises:
            ValueError: the batch size does not divide over the ranks.
            ResumeMismatchError: `out` holds the state of a different job.
        """
        if config.batch_size % (ranks.world * config.accumulate):
            parts = f"{ranks.world} ranks" + (f" of {config.accumulate} parts each" if config.accumulate > 1 else "")
            raise ValueError(f"batch_size {config.batch_size} does not divide over {parts}")
        self.learner = learner.to(ranks.device)
        self.config = config
        self.out = out
        self.ranks = ranks
        self.job = job
        self.optimisers = optimisers(self.learner, config, learner.matrices())
        self.ema = None if config.ema_decay is None else EMA(learner.model, config.ema_decay)
        self._bf16 = has_bf16(ranks.device) if config.bf16 is None else config.bf16
        self.step = 0
        self.seconds = 0.0
        if ranks.is_first:
            out.mkdir(parents=True, exist_ok=True)
        if (out / STATE).exists():
            self._resume()
        self._parallel = in_parallel(self.learner, ranks)

    def run(self) -> dict[str, float]:
        """Train to the last step, load the EMA of the weights into the model, and return its validation metrics.

        Raises:
            NonFiniteLossError: a loss is infinite or not a number.
        """
        first = self.ranks.is_first
        metrics = MetricsFile(self.out / CURVES, self.step) if first else None
        progress = ProgressFile(self.out / PROGRESS, self.config.steps, self.step) if first else None
        started = saved = time.monotonic()
        before = self.seconds
        while self.step < self.config.steps:
            step = Step(self.step, self.config.seed, self.ranks.rank, self.ranks.world)
            parts, loss = self._update(step)
            self.step += 1
            if step.number % self.config.log_every == 0 or self.step == self.config.steps:
                values = mean_over_ranks(parts, self.ranks)
                if metrics:
                    metrics.write(step.number, values | self._settings(step))
            if progress:
                progress.report(self.step, loss)
            if metrics and self._validates():
                metrics.write(step.number, {f"val/{k}": v for k, v in self._validated().items()})
            self.seconds = before + time.monotonic() - started
            if first and self._checkpoints(time.monotonic() - saved):
                self._save()
                saved = time.monotonic()
        if first:
            self._save()
        if metrics:
            metrics.close()
        if self.ema:
            self.learner.model.load_state_dict(self.ema.tensors)
        return self.learner.eval().validate() if first else {}

    def _update(self, step: Step) -> tuple[dict[str, Tensor], float]:
        self.learner.train()
        for optimiser in self.optimisers:
            set_learning_rate(optimiser, self._learning_rate(step.number))
        parts = self._gradients(step)
        loss = float(parts["loss"])
        if not math.isfinite(loss):
            raise NonFiniteLossError(step.number, loss)
        if self.config.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.learner.parameters(), self.config.clip_norm)
        for optimiser in self.optimisers:
            optimiser.step()
        if self.ema:
            self.ema.update(self.learner.model, step.number)
        return parts, loss

    def _gradients(self, step: Step) -> Batch:
        """Set the gradients to those of this rank's batch, part by part; the mean of what the parts return."""
        batch, device, count = self.learner.batch(step), self.ranks.device, self.config.accumulate
        means: Batch = {}
        for number in range(count):
            part = replace(step, part=number, parts=count)
            ours = {name: each.chunk(count)[number].to(device, non_blocking=True) for name, each in batch.items()}
            with in_sync(self._parallel, only_if=number == count - 1):
                with torch.autocast(device.type, torch.bfloat16, enabled=self._bf16):
                    values = self._parallel(ours, part)
                if number == 0:  # not before: the backward pass then takes the memory of the old gradients
                    self.learner.zero_grad(set_to_none=True)
                (values["loss"] / count).backward()
            for name, value in values.items():
                means[name] = means.get(name, 0.0) + value.detach() / count
        return means

    def _learning_rate(self, number: int) -> float:
        c = self.config
        return warmup_cosine(c.learning_rate, c.final_learning_rate, c.warmup_steps, c.ramp_steps, number)

    def _settings(self, step: Step) -> dict[str, float]:
        return {"learning_rate": self._learning_rate(step.number)} | self.learner.settings(step)

    def _validates(self) -> bool:
        every = self.config.validate_every
        return every is not None and self.step % every == 0 and self.step < self.config.steps

    def _validated(self) -> dict[str, float]:
        model = self.learner.model
        kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if self.ema:
            model.load_state_dict(self.ema.tensors)
        values = self.learner.eval().validate()
        model.load_state_dict(kept)
        return values

    def _checkpoints(self, seconds_since: float) -> bool:
        every = self.config.checkpoint_every
        return seconds_since >= self.config.checkpoint_seconds or (every is not None and self.step % every == 0)

    def _save(self) -> None:
        tensors = {f"learner:{name}": tensor for name, tensor in self.learner.state_dict().items()}
        state = optimiser_tensors(self.optimisers, self.learner)
        tensors |= {f"optimiser:{name}": tensor for name, tensor in state.items()}
        if self.ema:
            tensors |= {f"ema:{name}": tensor for name, tensor in self.ema.tensors.items()}
        run: dict[str, Any] = {"step": self.step, "seconds": self.seconds, "job": self.job}
        write_tensors(self.out / STATE, tensors, {"run": json.dumps(run)})

    def _resume(self) -> None:
        tensors, metadata = read_tensors(self.out / STATE)
        run = json.loads(metadata["run"])
        if run["job"] != self.job:
            raise ResumeMismatchError(f"{self.out} holds the state of a different job: use another folder or empty it")
        self.learner.load_state_dict(_under(tensors, "learner:"))
        restore_optimisers(self.optimisers, self.learner, _under(tensors, "optimiser:"))
        if self.ema:
            for name, tensor in _under(tensors, "ema:").items():
                self.ema.tensors[name].copy_(tensor)
        self.step, self.seconds = int(run["step"]), float(run["seconds"])


def _under(tensors: Batch, prefix: str) -> Batch:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
