"""How fast a run is, what memory it takes, and how long ranks wait for the slowest: for a person who watches it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from models.planning.hardware import peak_of_device
from models.training.config import TrainingConfig
from models.training.distributed import Ranks
from models.training.records import peak_rss_mb

_OF_RANKS = ("batch_s", "forward_s", "memory_mb")


class Speed:
    """Measures the stretch of steps between two lines of the log.

    All ranks end a step together, because they average its gradients. So what tells a slow rank is the time that it
    takes before that: for its batch, and from there to the end of its forward pass.
    """

    def __init__(self, ranks: Ranks, config: TrainingConfig, tokens: int | None, flops: int | None) -> None:
        """Args:
        tokens: of an example; None if it has none.
        flops: operations of an example, forward and backward; None if they are not counted.
        """
        self._ranks = ranks
        self._batch_size = config.batch_size
        self._tokens = tokens
        peak = None if config.tf32 else peak_of_device(device_name(ranks.device), config.precision)
        self._steps_at_peak = None if not (peak and flops) else peak * ranks.world / (flops * config.batch_size)
        self._stopwatch = _CudaStopwatch() if ranks.device.type == "cuda" else _Stopwatch()
        self._batch_s = 0.0
        self._steps = 0
        self._since = time.monotonic()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """For the making of a step's batch, or the wait for it."""
        started = time.monotonic()
        yield
        self._batch_s += time.monotonic() - started
        self._steps += 1

    @contextmanager
    def forward(self) -> Iterator[None]:
        """For one forward pass."""
        self._stopwatch.start()
        yield
        self._stopwatch.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For what is no part of a step."""
        started = time.monotonic()
        yield
        self._since += time.monotonic() - started

    def of_ranks(self) -> dict[str, Tensor]:
        """Scalars to average over ranks, so that the means tell what each of them measured: all but a rank's own are 0.

        On a GPU it waits for the stretch to end.
        """
        own = self._batch_s, self._stopwatch.seconds(), memory_mb(self._ranks.device)
        nothing = (0.0,) * len(own)
        return {
            _name(name, rank): torch.tensor(value * self._ranks.world, dtype=torch.float64)
            for rank in range(self._ranks.world)
            for name, value in zip(_OF_RANKS, own if rank == self._ranks.rank else nothing, strict=True)
        }

    def take(self, means: dict[str, float]) -> dict[str, float]:
        """End the stretch, and return the figures of a line; takes what `of_ranks` gave out of the means.

        seconds_per_step; examples_per_s and tokens_per_s, of all ranks; of_peak: the share of the device's peak, where
        it is known; memory_mb: of the rank with most; with several ranks straggler_s: by how much the slowest took
        longer than the fastest for its batches or its forward passes, whichever is more, and slowest_rank.
        """
        ranks = range(self._ranks.world)
        batch_s, forward_s, memory = ([means.pop(_name(name, rank)) for rank in ranks] for name in _OF_RANKS)
        now = time.monotonic()
        per_step = (now - self._since) / self._steps
        self._since, self._batch_s, self._steps = now, 0.0, 0
        examples = self._batch_size / per_step
        figures = {"seconds_per_step": per_step, "examples_per_s": examples, "memory_mb": max(memory)}
        if self._tokens is not None:
            figures["tokens_per_s"] = self._tokens * examples
        if self._steps_at_peak is not None:
            figures["of_peak"] = 1 / (per_step * self._steps_at_peak)
        if self._ranks.world > 1:
            slow = max(batch_s, forward_s, key=lambda seconds: max(seconds) - min(seconds))
            figures |= {"straggler_s": max(slow) - min(slow), "slowest_rank": float(slow.index(max(slow)))}
        return figures


class _Stopwatch:
    """Adds up times in the program."""

    def __init__(self) -> None:
        self._started = 0.0
        self._seconds = 0.0

    def start(self) -> None:
        self._started = time.monotonic()

    def stop(self) -> None:
        self._seconds += time.monotonic() - self._started

    def seconds(self) -> float:
        """The sum since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


class _CudaStopwatch(_Stopwatch):
    """Adds up times on the GPU, which runs behind the program, between events in its stream."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[torch.cuda.Event] = []

    def start(self) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._events.append(event)

    stop = start

    def seconds(self) -> float:
        events, self._events = self._events, []
        if events:
            events[-1].synchronize()
        return sum(a.elapsed_time(b) for a, b in zip(events[::2], events[1::2], strict=True)) / 1000


def rate(figures: dict[str, float]) -> str:
    """The speed in words, such as `5,120 tokens/s`."""
    name = "tokens" if "tokens_per_s" in figures else "examples"
    value = figures[f"{name}_per_s"]
    return f"{value:,.0f} {name}/s" if value >= 10 else f"{value:.2g} {name}/s"


def memory_mb(device: torch.device) -> float:
    """Most memory that tensors on the GPU have taken so far, or that this process has on a CPU; MiB."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else peak_rss_mb()


def device_name(device: torch.device) -> str:
    """Of a GPU, as its driver gives it; of a CPU, with its threads."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu x{torch.get_num_threads()}"


def _name(name: str, rank: int) -> str:
    return f"{name} of rank {rank}"
