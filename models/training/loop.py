"""The training loop of all trainers: update, EMA, log, checkpoint, and bit-exact resume."""

import math
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from models.files import BOARD, CHECKPOINTS, CURVES, PICTURES, PROGRESS, SPEED
from models.training.block_scale import Branch
from models.training.board import Board
from models.training.config import TrainingConfig
from models.training.distributed import AnyRank, Ranks, from_first_rank, in_parallel, in_sync, mean_over_ranks
from models.training.ema import ema_of
from models.training.errors import NonFiniteGradientsError, ResumeMismatchError, StoppedError
from models.training.gradients import Buffers, Gradients
from models.training.learning_rate import learning_rate
from models.training.muon import Matrix
from models.training.optimiser import optimiser_tensors, optimisers, restore_optimisers, set_learning_rate
from models.training.pictures import save_pictures
from models.training.precision import autocast
from models.training.randomness import Step
from models.training.records import MetricsFile, ProgressFile
from models.training.speed import Speed, rate
from models.training.states import State, States, read_state
from models.training.termination import Termination
from models.training.watchdog import Watchdog

Batch = dict[str, Tensor]
MOST_FOR_CHECKPOINTS = 0.02  # share of the time


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

    def after_update(self) -> None:
        """Called after every update, for weights that must stay within bounds."""

    def matrices(self) -> list[Matrix]:
        """Weights that Muon may train, if the configuration asks for it."""
        return []

    def scaled_branches(self) -> list[Branch]:
        """Parts of the model whose gradients get scales of their own, in fp16, in place of the loss."""
        return []

    def held_out(self) -> int:
        """Examples that `validate` has and training has not."""
        return 0

    def score(self, metrics: dict[str, float]) -> float | None:
        """How good the model is by what `validate` returned, more being better; None if nothing is held out."""
        return -metrics["loss"] if "loss" in metrics else None

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """What a person would look at to judge the model, uint8 [3, H, W] by name; called after `validate`."""
        return {}

    def tokens_per_example(self) -> int | None:
        """Tokens of an example, by which speed is told; None if it has none."""
        return None

    def flops_per_example(self) -> int | None:
        """Operations of an example, forward and backward, to compare with the device's peak; None if not counted."""
        return None

    def settings(self, step: Step) -> dict[str, float]:
        """Scheduled values of one step for the log, beside the learning rate."""
        return {}


class Loop:
    """One run and its state: weights, optimiser, EMA and step; everything else is a function of the step.

    It waits for the device only where a line is logged, a checkpoint is copied or the model is validated.
    """

    def __init__(self, learner: Learner, config: TrainingConfig, out: Path, ranks: Ranks, job: str) -> None:
        """Prepare a run, or resume the one whose checkpoints are in `out`.

        Args:
            job: the whole job as text, to compare on resume.

        Raises:
            ValueError: the batch size does not divide over the ranks.
            ResumeMismatchError: `out` holds the checkpoints of a different job.
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
        self.learning_rate = learning_rate(config)
        self.ema = ema_of(learner.model, config, ranks.device)
        self.gradients = Gradients(learner.parameters(), config, ranks.device, learner.scaled_branches())
        self.step = 0
        self.seconds = 0.0
        self.notes: list[str] = []
        self._best = -math.inf  # score of the best validation
        self._stood_s = 0.0  # for the copy of the last checkpoint
        self._buffers = Buffers(self.learner)
        self._speed = Speed(ranks, config, learner.tokens_per_example(), learner.flops_per_example())
        self._watchdog = Watchdog(out, ranks, config.hang_seconds)
        self._states = States(out / CHECKPOINTS, config.keep_checkpoints)
        if ranks.is_first:
            out.mkdir(parents=True, exist_ok=True)
        self._resume()
        self._parallel = in_parallel(self.learner, ranks)

    def run(self) -> dict[str, float]:
        """Train to the last step, load the EMA of the weights into the model, and return its validation metrics.

        Raises:
            NonFiniteGradientsError: the updates of too many steps in a row had to be skipped.
            StoppedError: SIGTERM asked any of the ranks to stop; a checkpoint is written.
            OSError, SafetensorError: a checkpoint cannot be written.
        """
        first = self.ranks.is_first
        metrics = speed = progress = None
        try:
            with Termination() as termination, self._watchdog:
                if first:
                    # The others have begun, and importing TensorBoard takes a while.
                    with self._speed.paused(), self._watchdog.paused():
                        board = Board(self.out / BOARD, self.step)
                        metrics = MetricsFile(self.out / CURVES, self.step, board)
                        speed = MetricsFile(self.out / BOARD / SPEED, self.step, board, "speed/")
                        progress = ProgressFile(self.out / PROGRESS, self.config.steps, self.step, self.notes)
                self._train(metrics, speed, progress, termination)
        finally:
            self._states.close()
            for file in (metrics, speed):
                if file:
                    file.close()
        if self.ema:
            self.learner.model.load_state_dict(self.ema.tensors)
        return self.learner.eval().validate() | self._held_out() if first else {}

    def _train(
        self,
        metrics: MetricsFile | None,
        speed: MetricsFile | None,
        progress: ProgressFile | None,
        termination: Termination,
    ) -> None:
        started = saved = time.monotonic()
        before = self.seconds
        any_rank = AnyRank(self.ranks)
        while self.step < self.config.steps:
            step = Step(self.step, self.config.seed, self.ranks.rank, self.ranks.world)
            parts = self._update(step)
            self.step += 1
            self._watchdog.alive(self.step)
            if step.number % self.config.log_every == 0 or self.step == self.config.steps:
                values = mean_over_ranks(parts | self._speed.of_ranks(), self.ranks)
                figures = self._speed.take(values)
                self._stop_if_broken()
                if metrics:
                    metrics.write(step.number, values | self._settings(step) | self.gradients.numbers())
                if speed:
                    speed.write(step.number, figures)
                if progress:
                    progress.loss, progress.rate = values["loss"], rate(figures)
                self.learning_rate.observe(step.number, values["loss"])
            if progress:
                progress.report(self.step)
            self.seconds = before + time.monotonic() - started
            with self._speed.paused(), self._watchdog.paused():
                score = self._validate(step, metrics) if metrics and self._validates() else None
            best = score is not None and score > self._best
            stops = any_rank.says(termination.asked)
            if metrics and (best or self._is_due(time.monotonic() - saved) or stops):
                with self._speed.paused(), self._watchdog.paused():
                    self._save(score)
                saved = time.monotonic()
            if stops:
                with self._watchdog.paused():
                    self._states.wait()
                from_first_rank(None, self.ranks)  # torchrun ends all ranks when one has ended: not before it is saved
                raise StoppedError(self.step)
        any_rank.said()
        if metrics:
            with self._watchdog.paused():
                self._save(None)
                self._states.wait()

    def _update(self, step: Step) -> dict[str, Tensor]:
        self.learner.train()
        for optimiser in self.optimisers:
            set_learning_rate(optimiser, self.learning_rate.at(step.number))
        self._buffers.keep()
        parts = self._backward(step)
        found_inf = self.gradients.check(step.number)
        for optimiser in self.optimisers:
            optimiser.found_inf = found_inf  # type: ignore[attr-defined]  # both kinds skip the update where it is 1
            optimiser.step()
        self.learner.after_update()
        self._buffers.undo_unless(self.gradients.finite)
        if self.ema:
            self.ema.update(self.learner.model, step.number, self.gradients.finite)
        return parts

    def _stop_if_broken(self) -> None:
        broken_at = self.gradients.broken_at()
        if broken_at is not None:
            step = Step(broken_at, self.config.seed, self.ranks.rank, self.ranks.world)
            raise NonFiniteGradientsError(broken_at, self.config.stop_after_non_finite, self.learner.names(step))

    def _backward(self, step: Step) -> Batch:
        """Set the gradients to those of this rank's batch, part by part; the mean of what the parts return."""
        device, count = self.ranks.device, self.config.accumulate
        with self._speed.batch():
            batch = self.learner.batch(step)
        means: Batch = {}
        for number in range(count):
            part = replace(step, part=number, parts=count)
            ours = {name: each.chunk(count)[number].to(device, non_blocking=True) for name, each in batch.items()}
            with in_sync(self._parallel, only_if=number == count - 1):
                with autocast(self.config.precision, device), self._speed.forward():
                    values = self._parallel(ours, part)
                if number == 0:  # not before: the backward pass then takes the memory of the old gradients
                    self.learner.zero_grad(set_to_none=True)
                self.gradients.backward(values["loss"] / count)
            for name, value in values.items():
                means[name] = means.get(name, 0.0) + value.detach() / count
        return means

    def _settings(self, step: Step) -> dict[str, float]:
        return {"learning_rate": self.learning_rate.at(step.number)} | self.learner.settings(step)

    def _validates(self) -> bool:
        every = self.config.validate_every
        return every is not None and self.step % every == 0 and self.step < self.config.steps

    def _validate(self, step: Step, metrics: MetricsFile) -> float | None:
        """Log the metrics of the EMA of the weights, and return its score."""
        model = self.learner.model
        own = model.state_dict(keep_vars=True)  # the parameters themselves, which the optimisers know: no copy
        if self.ema:
            model.load_state_dict({name: t.to(own[name].device) for name, t in self.ema.tensors.items()}, assign=True)
        try:
            values, pictures = self.learner.eval().validate(), self.learner.pictures()
        finally:
            model.load_state_dict(own, assign=True)
        save_pictures(self.out / PICTURES, pictures)
        metrics.write(step.number, {f"val/{name}": v for name, v in (values | self._held_out()).items()}, pictures)
        return self.learner.score(values)

    def _held_out(self) -> dict[str, float]:
        return {"held_out": float(self.learner.held_out())}

    def _is_due(self, seconds_since: float) -> bool:
        every = self.config.checkpoint_every
        if every is not None and self.step % every == 0:
            return True
        if self._states.busy:
            return False
        on_cpu = self.ranks.device.type == "cpu"  # whose cores write, while the training could use them
        cost_s = self._stood_s + (self._states.write_s if on_cpu else 0.0)
        return seconds_since >= max(self.config.checkpoint_seconds, cost_s / MOST_FOR_CHECKPOINTS)

    def _save(self, score: float | None) -> None:
        self._states.wait()
        started = time.monotonic()
        tensors = {f"learner:{name}": tensor for name, tensor in self.learner.state_dict().items()}
        state = optimiser_tensors(self.optimisers, self.learner)
        tensors |= {f"optimiser:{name}": tensor for name, tensor in state.items()}
        tensors |= {f"gradients:{name}": tensor for name, tensor in self.gradients.tensors().items()}
        tensors |= {f"learning_rate:{name}": tensor for name, tensor in self.learning_rate.tensors().items()}
        if self.ema:
            tensors |= {f"ema:{name}": tensor for name, tensor in self.ema.tensors.items()}
        self._best = self._best if score is None else max(score, self._best)
        self._states.save(self.step, tensors, {"step": self.step, "seconds": self.seconds, "job": self.job}, score)
        self._stood_s = time.monotonic() - started

    def _resume(self) -> None:
        """Go on from the newest undamaged checkpoint; the first rank chooses it for all."""
        path: Path | None = None
        if self.ranks.is_first:
            path, damaged = self._states.newest()
            self.notes += damaged
        path = from_first_rank(path, self.ranks)
        if path is not None:
            self._load(read_state(path))
        if self.ranks.is_first:
            self._states.tidy(path)
            if not self.learner.held_out():
                self.notes.append("no pair is held out, so there are no figures on unseen pairs")
            for note in self.notes:
                print(f"note: {note}", file=sys.stderr, flush=True)
        best = self._states.best_score()
        self._best = -math.inf if best is None else best

    def _load(self, state: State) -> None:
        if state.run["job"] != self.job:
            raise ResumeMismatchError(
                f"{self.out} holds the checkpoints of a different job: use another folder or empty it"
            )
        self.learner.load_state_dict(_under(state.tensors, "learner:"))
        restore_optimisers(self.optimisers, self.learner, _under(state.tensors, "optimiser:"))
        self.gradients.restore(_under(state.tensors, "gradients:"))
        self.learning_rate.restore(_under(state.tensors, "learning_rate:"))
        if self.ema:
            self.ema.restore(_under(state.tensors, "ema:"))
        self.step, self.seconds = int(state.run["step"]), float(state.run["seconds"])


def _under(tensors: Batch, prefix: str) -> Batch:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
