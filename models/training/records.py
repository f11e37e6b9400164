"""The files that a run writes beside its weights: metrics.jsonl, speed.jsonl, progress, done and error.json."""

import json
import math
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from models.files import DONE, ERROR, sha256_of
from models.training.board import Board
from models.training.checkpoint import write_json


class MetricsFile:
    """One JSON object a line, always with "step".

    metrics.jsonl holds no times, so a resumed run writes the same bytes; they are in speed.jsonl.
    """

    def __init__(self, path: Path, resumed_step: int, board: Board | None = None, section: str = "") -> None:
        """Open `path` to append, after dropping what an earlier attempt wrote at `resumed_step` or later.

        Args:
            section: what the names begin with on the board.
        """
        kept = [line for line in _lines(path) if (step := _step(line)) is not None and step < resumed_step]
        temporary = path.with_suffix(".tmp")
        temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        temporary.replace(path)
        self._file = path.open("a", encoding="utf-8")
        self._board = board
        self._section = section

    def write(self, step: int, values: dict[str, float], pictures: dict[str, Tensor] | None = None) -> None:
        """Append one line for `step`: 6 significant digits, no value that is not finite. The board has pictures too."""
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        rounded = {name: float(f"{value:.6g}") for name, value in finite.items()}
        self._file.write(json.dumps({"step": step, **rounded}) + "\n")
        self._file.flush()
        if self._board is not None:
            self._board.write(step, {f"{self._section}{name}": value for name, value in rounded.items()}, pictures)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    return text[: text.rfind("\n") + 1].splitlines()


def _step(line: str) -> int | None:
    """The step of a line; None for a damaged line, which is dropped rather than ending every resume."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return None


class ProgressFile:
    """progress.json, for progress bars: rewritten at most every `interval` seconds.

    Attributes:
        loss: of the last logged step; None until this process has logged one.
        rate: how fast the last steps were, in words; None until then too.
    """

    def __init__(
        self, path: Path, steps: int, first_step: int, notes: Sequence[str] = (), interval: float = 2.0
    ) -> None:
        self._path = path
        self._steps = steps
        self._first_step = first_step
        self._interval = interval
        self._notes = list(notes)
        self.loss: float | None = None
        self.rate: str | None = None
        self._started = time.monotonic()
        self._written = -float("inf")

    def report(self, done: int) -> None:
        """Record that `done` updates are made; seconds_per_step is the mean since this process started or resumed."""
        now = time.monotonic()
        if now - self._written < self._interval and done < self._steps:
            return
        self._written = now
        per_step = (now - self._started) / max(done - self._first_step, 1)
        write_json(
            self._path,
            {
                "step": done,
                "steps": self._steps,
                "seconds_per_step": round(per_step, 5),
                "eta_s": round(per_step * (self._steps - done), 1),
                "loss": self.loss if self.loss is not None and math.isfinite(self.loss) else None,
                "rate": self.rate,
                "notes": self._notes,
            },
        )


def peak_rss_mb() -> float:
    """Highest resident memory of this process so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def write_done(out: Path, content: dict[str, Any], files: Sequence[str]) -> None:
    """Write done.json, the last file of a finished run, with the digests of the files that it names."""
    digests = {name: sha256_of(out / name) for name in files}
    write_json(out / DONE, content | {"peak_rss_mb": peak_rss_mb(), "sha256": digests})


def write_error(out: Path, error: BaseException, message: str) -> None:
    """Write error.json, which names the failure of a run, unless another rank has written it first."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / ERROR).exists():
        write_json(out / ERROR, {"type": type(error).__name__, "message": message})
