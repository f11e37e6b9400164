"""Resumable states of a run: a folder each, named by its step, written by all ranks in the background, with digests."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors import SafetensorError
from torch import Tensor

from models.files import RUN_STATE, STATE_DIGESTS, sha256_of
from models.training.checkpoint import fsync
from models.training.distributed import Ranks, silence
from models.training.errors import CheckpointError

_PREFIX = "step-"
_DAMAGED = "damaged-"


@dataclass(frozen=True)
class State:
    """What a checkpoint holds: tensors by name, and a record of the run as JSON."""

    tensors: dict[str, Tensor]
    run: dict[str, Any]


class States:
    """The checkpoints in a folder that all ranks see; each rank saves its part of the tensors.

    A checkpoint is written under a temporary name. When all ranks have written and flushed their files, the first one
    adds the digests and renames it, so under its own name it is whole. It is never written again. The newest `keep`
    stay, and the one with the highest score.

    Attributes:
        write_s: CPU time of this rank's last write, seconds.
    """

    def __init__(self, folder: Path, keep: int, ranks: Ranks) -> None:
        self._folder = folder
        self._keep = keep
        self._ranks = ranks
        # In the background ranks meet in a group of their own: in the training's, what they send would get mixed up.
        # It has torch's own timeout of half an hour unless it is told the training's.
        self._group = dist.new_group(backend="gloo", timeout=silence()) if ranks.world > 1 else None
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

    def read(self, path: Path, like: Callable[[str], Tensor | None]) -> State:
        """The content of a checkpoint that `newest` has found; every rank must call it.

        Args:
            like: a tensor by name; one that is sharded over the ranks comes back sharded in the same way.

        Raises:
            CheckpointError: it cannot be read.
        """
        from models.training import rank_files

        try:
            run = json.loads((path / RUN_STATE).read_text(encoding="utf-8"))["run"]
            return State(rank_files.read(path, like, self._group), run)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"cannot read {path}: {error}") from error

    def save(self, step: int, tensors: Mapping[str, Tensor], run: Mapping[str, Any], score: float | None) -> None:
        """Copy this rank's part now and write it in the background, after a write that is still going on.

        Every rank must call it at the same step. A tensor that is not sharded is the same on all: the first one's is
        written.

        Raises:
            OSError, RuntimeError: the write before this one has failed on some rank, such as on a full disk.
        """
        self.wait()
        content = {"run": dict(run), "score": score}
        self._pending = self._writer.submit(self._write, step, snapshot(self._part(tensors)), content)

    def wait(self) -> None:
        """Return when nothing is being written on any rank.

        Raises:
            OSError, RuntimeError: the write has failed on some rank.
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

    def _part(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if self._ranks.is_first:
            return tensors
        from torch.distributed.tensor import DTensor

        return {name: tensor for name, tensor in tensors.items() if isinstance(tensor, DTensor)}

    def _write(self, step: int, tensors: dict[str, Tensor], content: dict[str, Any]) -> None:
        from models.training import rank_files

        started = time.thread_time()
        target = self._folder / f"{_PREFIX}{step:09d}"
        temporary = self._folder / f".{target.name}"
        try:
            rank_files.write(tensors, temporary, partial(self._complete, temporary, target, content), self._group)
        except BaseException:
            if self._ranks.is_first:
                shutil.rmtree(temporary, ignore_errors=True)
            raise
        self.write_s = time.thread_time() - started

    def _complete(self, folder: Path, target: Path, content: dict[str, Any], digests: Mapping[str, str]) -> None:
        """Add what makes the files of all ranks a checkpoint, and drop those that are not to be kept."""
        (folder / RUN_STATE).write_text(json.dumps(content), encoding="utf-8")
        if missing := sorted(name for name in digests if not (folder / name).exists()):
            raise CheckpointError(f"{missing[0]} is not in {folder}: all machines of a training must share its folder")
        of_all = {**digests, RUN_STATE: sha256_of(folder / RUN_STATE)}
        lines = [f"{digest}  {name}\n" for name, digest in sorted(of_all.items())]
        (folder / STATE_DIGESTS).write_text("".join(lines), encoding="utf-8")
        for path in (folder / RUN_STATE, folder / STATE_DIGESTS, folder):
            fsync(path)
        self._remove(target)  # a run that goes on from an older checkpoint comes by here again
        folder.rename(target)
        fsync(self._folder)
        self._prune()

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
        source, pinned = tensor.detach(), tensor.is_cuda
        copy = torch.empty_like(source, device="cpu", memory_format=torch.contiguous_format, pin_memory=pinned)
        copies[name] = copy.copy_(source, non_blocking=True)
    return copies


def problem_of(path: Path) -> str | None:
    """What is wrong with a checkpoint; None if it has the files, and they the digests, that it was written with."""
    try:
        lines = (path / STATE_DIGESTS).read_text(encoding="utf-8").splitlines()
        expected = {name: digest for digest, name in (line.split("  ") for line in lines)}
        files = [file for file in path.iterdir() if file.name != STATE_DIGESTS]
        with ThreadPoolExecutor() as threads:
            found = dict(zip([file.name for file in files], threads.map(sha256_of, files), strict=True))
    except (OSError, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    names = sorted(name for name in {RUN_STATE, *expected, *found} if expected.get(name) != found.get(name))
    return f"{', '.join(names)}: not the content of its digest" if names else None


def _score(path: Path) -> float | None:
    try:
        score = json.loads((path / RUN_STATE).read_text(encoding="utf-8"))["score"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return score if isinstance(score, float) else None
