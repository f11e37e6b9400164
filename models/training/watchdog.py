"""A rank that hangs ends the run, with the stacks of all ranks, instead of holding their GPUs for hours."""

import faulthandler
import math
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from models.files import HANGS
from models.training.distributed import Ranks
from models.training.errors import HangError
from models.training.records import write_error

_POLLS = 20  # within the limit
_LONGEST_POLL_S = 5.0
_GRACE_POLLS = 3  # in which the other ranks, which wait for the one that hangs, see it too


class Watchdog:
    """Inside the block this process ends, with status 1, when no step has ended for `limit_s`.

    Every rank has one, and each writes the stacks of its threads to a file of its own: a rank that waits for another
    one stands in a collective operation, and the one that hangs does not. error.json says where the ranks stand.
    """

    def __init__(self, out: Path, ranks: Ranks, limit_s: float | None) -> None:
        """Args:
        limit_s: None: there is no limit.
        """
        self._out = out
        self._ranks = ranks
        self._limit_s = limit_s
        self._poll_s = min((limit_s or 0.0) / _POLLS, _LONGEST_POLL_S)
        self._step = 0
        self._alive_at = time.monotonic()
        self._pauses = 0
        self._watched = 0  # the thread that trains
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watchdog")

    def __enter__(self) -> Self:
        if self._limit_s is not None:
            self._file(self._ranks.rank).unlink(missing_ok=True)
            self._watched = threading.get_ident()
            self._alive_at = time.monotonic()
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def alive(self, step: int) -> None:
        """The step before `step` has ended."""
        self._step = step
        self._alive_at = time.monotonic()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For validation and saving, which all ranks do together and which may take long."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            self._alive_at = time.monotonic()

    def _watch(self) -> None:
        while not self._ended.wait(self._poll_s):
            if self._pauses:
                self._alive_at = time.monotonic()
            elif time.monotonic() - self._alive_at > (self._limit_s or math.inf):
                self._end()
                return

    def _end(self) -> None:
        step = self._step
        self._dump(step)
        if self._ranks.world > 1:
            time.sleep(_GRACE_POLLS * self._poll_s)
        error = HangError(step, self._limit_s or 0.0, self._places(), self._out / HANGS)
        print(f"error: {error}", file=sys.stderr, flush=True)
        write_error(self._out, error, str(error))
        os._exit(1)  # the thread that hangs cannot be ended

    def _dump(self, step: int) -> None:
        """Where this rank's training stands, and then the stacks of all its threads."""
        path = self._file(self._ranks.rank)
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.write(f"{_place(self._watched)}\n\nrank {self._ranks.rank}, no end of step {step}\n\n")
            file.flush()
            faulthandler.dump_traceback(file, all_threads=True)

    def _places(self) -> dict[str, list[int]]:
        """Ranks by the place where they stand, as far as they have written it."""
        places = defaultdict(list)
        for rank in range(self._ranks.world):
            path = self._file(rank)
            if path.exists():
                places[path.read_text(encoding="utf-8").partition("\n")[0]].append(rank)
        return places

    def _file(self, rank: int) -> Path:
        return self._out / HANGS / f"rank-{rank}.txt"


def _place(thread: int) -> str:
    """The innermost function of a thread, with its file and line."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return "an ended thread"
    code = frame.f_code
    return f"{code.co_name} ({Path(code.co_filename).name}:{frame.f_lineno})"
