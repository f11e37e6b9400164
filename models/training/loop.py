"""The training loop of all trainers: update, EMA, log, checkpoint, and bit-exact resume."""

import math
import sys
import time
from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from models.files import BOARD, CHECKPOINTS, CURVES, PICTURES, PROGRESS, SPEED
from models.training.block_scale import Branch
from models.training.board import Board
from models.training.config import Sharding, TrainingConfig
from models.training.distributed import AnyRank, Ranks, from_first_rank, mean_over_ranks, whole
from models.training.ema import ema_of
from models.training.errors import NonFiniteGradientsError, ResumeMismatchError, StoppedError
from models.training.gradients import Buffers, Gradients
from models.training.learning_rate import learning_rate
from models.training.muon import Matrix
from models.training.optimiser import optimiser_tensors, optimisers, restore_optimisers, set_learning_rate
from models.training.parallel import parallelise
from models.training.pictures import save_pictures
from models.training.precision import autocast
from models.training.randomness import Step
from models.training.records import MetricsFile, ProgressFile
from models.training.speed import Speed, rate
from models.training.states import States
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
        """Metrics of the model with its current weights, the same on all ranks, which call it together.

        Each may go through its share of the rows only: see `models.training.validation`.
        """

    def initialise(self) -> None:
        """Give initial weights to a model that was made on the meta device, so that each rank makes only its part."""
        raise NotImplementedError(f"{type(self).__name__} makes its model with its weights")

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

    def in_sixteen_bits(self) -> list[Matrix]:
        """Weights whose moments and error buffers are kept in the paper's formats of 16 bits."""
        return []

    def blocks(self) -> list[nn.Module]:
        """Parts of the model, in their order, whose weights sharded ranks gather one after the other.

        Their inputs and outputs are tensors. Without any, a model is not sharded.
        """
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
        """What a person would look at to judge the model, uint8 [3, H, W] by name; called like `validate`, after it."""
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

    def __init__(
        self,
        learner: Learner,
        config: TrainingConfig,
        out: Path,
        ranks: Ranks,
        job: str,
        sharding: Sharding = Sharding(),  # noqa: B008 - immutable
    ) -> None:
        """Prepare a run, or resume the one whose checkpoints are in `out`.

        Args:
            job: the whole job as text, to compare on resume.

        Raises:
            ValueError: the batch size does not divide over the ranks, or they cannot share the model as asked.
            ResumeMismatchError: `out` holds the checkpoints of a different job.
        """
        if config.batch_size % (ranks.world * config.accumulate):
            parts = f"{ranks.world} ranks" + (f" of {config.accumulate} parts each" if config.accumulate > 1 else "")
            raise ValueError(f"batch_size {config.batch_size} does not divide over {parts}")
        self.learner = learner
        self.config = config
        self.out = out
        self.ranks = ranks
        self.job = job
        self._parallel = parallelise(
            learner, learner.blocks(), learner.matrices(), config, sharding, ranks, learner.in_sixteen_bits()
        )
        self.optimisers = optimisers(self.learner, config, learner.matrices(), learner.in_sixteen_bits())
        self.learning_rate = learning_rate(config)
        self.ema = ema_of(learner.model, config, ranks.device)
        branches = learner.scaled_branches()
        self.gradients = Gradients(
            learner.parameters(), config, ranks.device, branches, self._parallel.norm, self._parallel.on_all_ranks
        )
        self.step = 0
        self.seconds = 0.0
        self.notes: list[str] = [*self._parallel.notes]
        self._best = -math.inf  # score of the best validation
        self._stood_s = 0.0  # for the copy of the last checkpoint
        self._buffers = Buffers(self.learner)
        self._speed = Speed(ranks, config, learner.tokens_per_example(), learner.flops_per_example())
        self._watchdog = Watchdog(out, ranks, config.hang_seconds)
        self._states = States(out / CHECKPOINTS, config.keep_checkpoints, ranks)
        if ranks.is_first:
            out.mkdir(parents=True, exist_ok=True)
        self._resume()

    def run(self) -> dict[str, float]:
        """Train to the last step, load the EMA of the weights into the model, and return its validation metrics.

        Raises:
            NonFiniteGradientsError: the updates of too many steps in a row had to be skipped.
            StoppedError: SIGTERM asked any of the ranks to stop; a checkpoint is written.
            OSError: a checkpoint cannot be written by one of the ranks.
        """
        first = self.ranks.is_first
        metrics = speed = progress = None
        try:
            with Termination() as termination, self._watchdog:
                if first:
                    with self._speed.paused():  # importing TensorBoard takes a while
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
            self.ema.copy_to(self.learner.model)
        metrics_at_end, pictures = self._metrics(), self.learner.pictures()
        if first:
            save_pictures(self.out / PICTURES, self.step, pictures)
        return metrics_at_end | self._held_out()

    def weights(self) -> dict[str, Tensor]:
        """The whole model in the first rank's memory, and nothing on others; every rank must call it."""
        return whole(self.learner.model.state_dict(), self.ranks)

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
                score = self._validate(step, metrics) if self._validates() else None
            best = score is not None and score > self._best
            due = self.ranks.is_first and self._is_due(time.monotonic() - saved)
            if due:
                saved = time.monotonic()  # with several ranks they hear of it after the next step: ask once
            stops, due = any_rank.says(termination.asked, due)
            if stops or due or best or self._saves_always():
                with self._speed.paused(), self._watchdog.paused():
                    self._save(score)
                saved = time.monotonic()
            if stops:
                termination.heard()
                with self._watchdog.paused():
                    self._states.wait()
                from_first_rank(None, self.ranks)  # torchrun ends all ranks when one has ended: not before it is saved
                raise StoppedError(self.step)
        any_rank.said()
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
            with self._parallel.in_sync(number == count - 1, self.gradients.scale_of):
                with autocast(self.config.precision, device), self._speed.forward():
                    values = self._parallel.module(ours, part)
                if number == 0:  # not before: the backward pass then takes the memory of the old gradients
                    for optimiser in self.optimisers:  # which know sharded weights; the learner has gathered ones now
                        optimiser.zero_grad(set_to_none=True)
                self.gradients.backward(values["loss"] / count)
            for name, value in values.items():
                means[name] = means.get(name, 0.0) + value.detach() / count
        return means

    def _settings(self, step: Step) -> dict[str, float]:
        return {"learning_rate": self.learning_rate.at(step.number)} | self.learner.settings(step)

    def _validates(self) -> bool:
        every = self.config.validate_every
        return every is not None and self.step % every == 0 and self.step < self.config.steps

    def _validate(self, step: Step, metrics: MetricsFile | None) -> float | None:
        """Log the metrics of the EMA of the weights, and return its score, the same on all ranks."""
        with self.ema.lent_to(self.learner.model) if self.ema else nullcontext():
            values, pictures = self._metrics(), self.learner.pictures()
        if metrics:
            save_pictures(self.out / PICTURES, self.step, pictures)
            metrics.write(step.number, {f"val/{name}": v for name, v in (values | self._held_out()).items()}, pictures)
        return from_first_rank(self.learner.score(values), self.ranks)

    def _metrics(self) -> dict[str, float]:
        # Gathered weights are in half precision if the training is; whole ones are in fp32.
        precision = self.config.precision if self._parallel.is_sharded else "fp32"
        with autocast(precision, self.ranks.device):
            return self.learner.eval().validate()

    def _held_out(self) -> dict[str, float]:
        return {"held_out": float(self.learner.held_out())}

    def _saves_always(self) -> bool:
        every = self.config.checkpoint_every
        return every is not None and self.step % every == 0

    def _is_due(self, seconds_since: float) -> bool:
        """Whether it is time for a checkpoint by this rank's clock."""
        if self._states.busy:
            return False
        on_cpu = self.ranks.device.type == "cpu"  # whose cores write, while the training could use them
        cost_s = self._stood_s + (self._states.write_s if on_cpu else 0.0)
        return seconds_since >= max(self.config.checkpoint_seconds, cost_s / MOST_FOR_CHECKPOINTS)

    def _tensors(self) -> Batch:
        """All tensors of a checkpoint; those that are not sharded are the same on all ranks."""
        tensors = {f"learner:{name}": tensor for name, tensor in self.learner.state_dict().items()}
        state = optimiser_tensors(self.optimisers, self.learner)
        tensors |= {f"optimiser:{name}": tensor for name, tensor in state.items()}
        tensors |= {f"gradients:{name}": tensor for name, tensor in self.gradients.tensors().items()}
        tensors |= {f"learning_rate:{name}": tensor for name, tensor in self.learning_rate.tensors().items()}
        tensors |= {f"parallel:{name}": tensor for name, tensor in self._parallel.tensors().items()}
        if self.ema:
            tensors |= {f"ema:{name}": tensor for name, tensor in self.ema.tensors.items()}
        return tensors

    def _save(self, score: float | None) -> None:
        """Save on all ranks, each its part."""
        self._states.wait()
        started = time.monotonic()
        self._best = self._best if score is None else max(score, self._best)
        run = {"step": self.step, "seconds": self.seconds, "job": self.job}
        self._states.save(self.step, self._tensors(), run, score)
        self._stood_s = time.monotonic() - started

    def _resume(self) -> None:
        """Go on from the newest undamaged checkpoint, whichever ranks wrote it; the first rank chooses it for all."""
        path: Path | None = None
        if self.ranks.is_first:
            path, damaged = self._states.newest()
            self.notes += damaged
        path = from_first_rank(path, self.ranks)
        if path is not None:
            self._load(path)
        best: float | None = None
        if self.ranks.is_first:
            self._states.tidy(path)
            if not self.learner.held_out():
                self.notes.append("no pair is held out, so there are no figures on unseen pairs")
            for note in self.notes:
                print(f"note: {note}", file=sys.stderr, flush=True)
            best = self._states.best_score()
        best = from_first_rank(best, self.ranks)
        self._best = -math.inf if best is None else best

    def _load(self, path: Path) -> None:
        own = self._tensors()
        own |= {f"optimiser:{name}": parameter.detach() for name, parameter in self.learner.named_parameters()}
        # An optimiser's moments, which may not be there yet, are named after their parameter and sharded as it is.
        state = self._states.read(path, lambda name: own.get(name, own.get(name.rsplit("/", 1)[0])))
        if state.run["job"] != self.job:
            raise ResumeMismatchError(
                f"{self.out} holds the checkpoints of a different job: use another folder or empty it"
            )
        self.learner.load_state_dict(_under(state.tensors, "learner:"))
        restore_optimisers(self.optimisers, self.learner, _under(state.tensors, "optimiser:"))
        self.gradients.restore(_under(state.tensors, "gradients:"))
        self.learning_rate.restore(_under(state.tensors, "learning_rate:"))
        self._parallel.restore(_under(state.tensors, "parallel:"))
        if self.ema:
            self.ema.restore(_under(state.tensors, "ema:"))
        self.step, self.seconds = int(state.run["step"]), float(state.run["seconds"])


def _under(tensors: Batch, prefix: str) -> Batch:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
