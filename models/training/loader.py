"""Batches made ahead of the step: row groups read, images decoded and cropped, captions split into tokens."""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.training.config import TrainingConfig
from models.training.errors import DataError
from models.training.order import Order
from models.training.randomness import Step
from models.training.shards import Shards
from models.training.start import die_with_parent
from models.training.windows import Rows, Windows

Batch = dict[str, Tensor]
Collate = Callable[[Step, Rows], Batch]
Item = tuple[Step, Rows]
_AHEAD = 2  # batches ready for the step, besides those that worker processes hold
_AHEAD_PER_WORKER = 2
_WAIT_S = 1e-3  # a step that waits longer counts as one that waited


@dataclass
class Waiting:
    """How long steps waited for their batches, not counting the first one, before which nothing is warm."""

    steps: int = 0
    waited: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one step."""
        self.steps += 1
        self.waited += seconds > _WAIT_S
        self.seconds += seconds

    @property
    def share(self) -> float:
        """Share of the steps that waited for longer than a millisecond."""
        return self.waited / max(self.steps, 1)


class Loader:
    """The batches of a training, a pure function of the step, made ahead while steps follow each other.

    A thread reads row groups and keeps batches ready. It also decodes, unless there are worker processes for that:
    a thread is enough on a CPU, which the training keeps busy anyhow; a GPU needs more than one core can decode.

    Attributes:
        waiting: how long steps waited so far.
    """

    def __init__(
        self, shards: Shards, columns: Sequence[str], collate: Collate, training: TrainingConfig, workers: int = 0
    ) -> None:
        """Prepare to load; nothing starts before the first batch is asked for.

        Args:
            columns: that `collate` needs.
            collate: makes the batch of a step out of its rows; called in a thread or in worker processes.
            workers: processes that call `collate`; 0: the thread does.
        """
        self._shards = shards
        self._columns = columns
        self._collate = collate
        self._training = training
        self._workers = workers
        self._order = Order(training.seed, shards.sizes, training.window)
        self._running: _Running | None = None
        self.waiting = Waiting()

    def batch(self, step: Step) -> Batch:
        """This rank's batch of a step.

        Raises:
            DataError: a shard cannot be read, or an image not be decoded; it names the pair.
        """
        if self._running is None or self._running.step != step:
            self.close()
            self._running = _Running(self._items(step), self._collate, step, self._training.steps, self._workers)
            batch = self._running.next()
        else:
            batch = self._running.next()
            self.waiting.add(self._running.waited_s)
        if step.number + 1 >= self._training.steps:
            self.close()
        return batch

    def names(self, step: Step) -> list[str]:
        """Ids of the pairs of a step, those of all ranks."""
        windows = Windows(self._shards, self._order, ["pair_id"])
        first = step.number * self._training.batch_size
        names: list[str] = windows.at(range(first, first + self._training.batch_size))["pair_id"]
        windows.close()
        return names

    def close(self) -> None:
        """End the thread and the worker processes."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def _items(self, first: Step) -> Iterator[Item]:
        windows = Windows(self._shards, self._order, self._columns)
        try:
            for number in range(first.number, max(self._training.steps, first.number + 1)):
                step = replace(first, number=number)
                yield step, windows.at(step.positions(self._training.batch_size))
        finally:
            windows.close()


class _Running:
    """The thread, and the worker processes if any, that make the batches from one step on."""

    def __init__(self, items: Iterator[Item], collate: Collate, first: Step, end: int, workers: int) -> None:
        self.step = first
        self.waited_s = 0.0
        self._asked = first.number
        self._end = max(end, first.number + 1)
        self._made = _in_processes(items, collate, workers) if workers else _in_this_process(items, collate)
        self._workers = workers
        self._thread = ThreadPoolExecutor(1, "loader")
        self._coming: deque[Future[_Made]] = deque()

    def next(self) -> Batch:
        if not self._coming:
            self._ask_for(1)
        started = time.perf_counter()
        try:
            made = self._coming.popleft().result()
        except (RuntimeError, OSError, EOFError) as error:  # as the worker died before, while or after it sent
            if not self._workers:
                raise
            raise DataError(f"a process that makes batches ended early: {error}") from error
        if isinstance(made, _Failure):
            raise made.error
        self.waited_s = time.perf_counter() - started
        self._ask_for(_AHEAD)  # now, not before: the thread would take Python's lock from a step that has its batch
        self.step = replace(self.step, number=self.step.number + 1)
        return made

    def _ask_for(self, batches: int) -> None:
        while self._asked < self._end and len(self._coming) < batches:
            self._coming.append(self._thread.submit(next, self._made))
            self._asked += 1

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._made.close()


@dataclass(frozen=True)
class _Failure:
    """An error as a worker's result: raised there, it would come back with the text of its traceback."""

    error: DataError


_Made = Batch | _Failure
_Batches = Generator[_Made, None, None]


class _Collated(Dataset[_Made]):
    """What a DataLoader's workers run: an item is a step with its rows, and gives a batch."""

    def __init__(self, collate: Collate) -> None:
        self._collate = collate

    def __getitem__(self, item: Item) -> _Made:
        try:
            return self._collate(*item)
        except DataError as error:
            return _Failure(error)


def _in_this_process(items: Iterable[Item], collate: Collate) -> _Batches:
    """Batches one by one; in pinned memory where there is a GPU, for copies that nothing waits for."""
    collated, pinned = _Collated(collate), torch.cuda.is_available()
    for item in items:
        made = collated[item]
        del item  # whose images are views of row groups that the next one may have no need for
        yield {name: each.pin_memory() for name, each in made.items()} if pinned and isinstance(made, dict) else made


def _in_processes(items: Iterable[Item], collate: Collate, workers: int) -> _Batches:
    """As `_in_this_process`, by worker processes. They start now, not with the first batch: a fork copies this thread
    alone, and the one that asks for batches would be the wrong one."""
    handler = signal.getsignal(signal.SIGCHLD)
    batches = iter(
        DataLoader(
            _Collated(collate),
            batch_size=None,
            sampler=items,
            num_workers=workers,
            prefetch_factor=_AHEAD_PER_WORKER,
            collate_fn=_as_it_is,
            pin_memory=torch.cuda.is_available(),
            multiprocessing_context="fork",  # what workers need is in this process and not to be copied
            worker_init_fn=_start_worker,
            generator=torch.Generator(),  # the global one would be moved on by as much as the number of resumes
        )
    )

    if threading.current_thread() is threading.main_thread():
        # The DataLoader's handler raises the end of a worker wherever this thread is, for instance in a checkpoint.
        # Without it the thread that waits for batches finds it out, within seconds.
        signal.signal(signal.SIGCHLD, handler)

    def handed_on() -> _Batches:
        yield from batches

    return handed_on()


def _as_it_is(made: Any) -> Any:
    return made


def _start_worker(_: int) -> None:
    """A worker ends with the trainer and by nothing else: the trainer still saves when both get the same signal."""
    die_with_parent(signal.SIGKILL)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    cv2.setNumThreads(0)
