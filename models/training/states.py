"""Resumable states of a run: a folder each, named by its step, written in the background, with a digest."""

import json
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.files import STATE, STATE_DIGEST, sha256_of
from models.training.checkpoint import fsync, read_tensors
from models.training.errors import CheckpointError

_PREFIX = "step-"
_DAMAGED = "damaged-"


@dataclass(frozen=True)
class State:
    """What a checkpoint holds: tensors by name, and a record of the run as JSON."""

    tensors: dict[str, Tensor]
    run: dict[str, Any]


class States:
    """The checkpoints in a folder.

    Each is written under a temporary name, flushed to the disk and then renamed, so under its own name it is whole. It
    is never written again. The newest `keep` stay, and the one with the highest score.

    Attributes:
        write_s: CPU time of the last write, seconds.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        self.write_s = 0.0
        self._writer = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    def newest(self) -> tuple[Path | None, list[str]]:
        """The newest undamaged checkpoint, and why newer ones, if any, are passed over."""
        words: list[str] = []
        for path in self._all():
            problem = problem_of(path)
            if problem is None:
                return path, words
            words.append(f"checkpoint {path.name} is damaged ({problem}) and was passed over")
        return None, words

    def tidy(self, resumed: Path | None) -> None:
        """Rename what is newer than the checkpoint that the run resumes from, and so is damaged; drop leftovers."""
        for path in self._all():
            if resumed is None or path.name > resumed.name:
                aside = path.with_name(_DAMAGED + path.name)
                shutil.rmtree(aside, ignore_errors=True)
                path.rename(aside)
        for leftover in self._folder.glob(".*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def save(self, step: int, tensors: Mapping[str, Tensor], run: Mapping[str, Any], score: float | None) -> None:
        """Copy the tensors now and write them in the background, after a write that is still going on.

        Raises:
            OSError, SafetensorError: the write before this one has failed, such as on a full disk.
        """
        self.wait()
        metadata = {"run": json.dumps(dict(run)), "score": json.dumps(score)}
        self._pending = self._writer.submit(self._write, step, snapshot(tensors), metadata)

    def wait(self) -> None:
        """Return when nothing is being written.

        Raises:
            OSError, SafetensorError: the write has failed.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._pending is not None and not self._pending.done()

    def close(self) -> None:
        """Finish the write that is going on, whether or not it succeeds."""
        self._writer.shutdown()

    def best_score(self) -> float | None:
        """The highest score of all checkpoints; None if none has one."""
        return max((score for path in self._all() if (score := _score(path)) is not None), default=None)

    def _all(self) -> list[Path]:
        """Newest first."""
        return sorted(self._folder.glob(f"{_PREFIX}*"), reverse=True)

    def _write(self, step: int, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        started = time.thread_time()
        target = self._folder / f"{_PREFIX}{step:09d}"
        temporary = self._folder / f".{target.name}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            save_file(tensors, temporary / STATE, metadata=metadata)
            (temporary / STATE_DIGEST).write_text(f"{sha256_of(temporary / STATE)}  {STATE}\n", encoding="utf-8")
            for path in (temporary / STATE, temporary / STATE_DIGEST, temporary):
                fsync(path)
            self._remove(target)  # a run that goes on from an older checkpoint comes by here again
            temporary.rename(target)
            fsync(self._folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        self._prune()
        self.write_s = time.thread_time() - started

    def _prune(self) -> None:
        paths = self._all()
        scores = {path: score for path in paths if (score := _score(path)) is not None}
        best = max(scores, key=lambda path: scores[path], default=None)
        for path in paths[self._keep :]:
            if path != best:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        """Under another name first: a kill must not leave a part of a checkpoint under its own."""
        if path.exists():
            doomed = path.with_name(f".removed-{path.name}")
            shutil.rmtree(doomed, ignore_errors=True)
            path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def snapshot(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies in the host's memory."""
    copies = host_copies(tensors)
    if any(tensor.is_cuda for tensor in tensors.values()):
        torch.cuda.synchronize()
    return copies


def host_copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `snapshot`, without waiting for the device: the copies of its tensors are there when it comes by."""
    copies = {}
    for name, tensor in tensors.items():
        copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
        copies[name] = copy.copy_(tensor.detach(), non_blocking=True)
    return copies


def problem_of(path: Path) -> str | None:
    """What is wrong with a checkpoint; None if its content has the digest that it was written with."""
    try:
        expected = (path / STATE_DIGEST).read_text(encoding="utf-8").split()[0]
        return None if sha256_of(path / STATE) == expected else "its content does not have its digest"
    except (OSError, ValueError, IndexError) as error:
        return " ".join(str(error).split()) or type(error).__name__


def read_state(path: Path) -> State:
    """The content of a checkpoint that `States.newest` has found.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        tensors, metadata = read_tensors(path / STATE)
        return State(tensors, json.loads(metadata["run"]))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error


def _score(path: Path) -> float | None:
    try:
        with safe_open(path / STATE, framework="pt") as file:
            score = json.loads((file.metadata() or {})["score"])
    except (OSError, ValueError, KeyError, SafetensorError):
        return None
    return score if isinstance(score, float) else None
