"""The tensors of a checkpoint: a safetensors file for each rank, in the layout of torch.distributed.checkpoint (DCP).

DCP plans which rank writes what, so that nothing is written twice, and lets the ranks meet; its own reader brings the
tensors back into any other number of ranks. Its writer of safetensors makes a copy of the whole file in memory and
needs ten times the processor time (torch 2.13), and its other files are pickles, which this project does not open.
So only `RankWriter.write_data` is ours.

Importing DCP takes most of a second, so this module is imported where the first checkpoint is written or read.
"""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed import ProcessGroup
from torch.distributed.checkpoint import CheckpointException, load, save
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future

from models.files import RANK_STATE, sha256_of
from models.training.checkpoint import fsync

# One process needs no process group; DCP warns of that whenever it saves or loads.
warnings.filterwarnings("ignore", message="torch.distributed is (disabled|unavailable)")


class RankWriter(HuggingFaceStorageWriter):
    """Writes a rank's part into one file, flushed to the disk; the first rank ends the checkpoint when all have.

    Attributes:
        complete: called on the first rank with the digests of all files by their names.
    """

    def __init__(self, folder: Path, complete: Callable[[Mapping[str, str]], None]) -> None:
        super().__init__(str(folder), save_distributed=True)
        self._folder = folder
        self._complete = complete

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> "Future[list[WriteResult]]":
        """Write what DCP has planned for this rank; the one result names the file and its digest."""
        written: Future[list[WriteResult]] = Future()
        written.set_result([self._write(plan, planner)] if plan.items else [])
        return written

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        """Called by DCP on the first rank after all have written; what it raises, all ranks raise."""
        self._complete(dict(result.storage_data for rank in results for result in rank))

    def _write(self, plan: SavePlan, planner: SavePlanner) -> WriteResult:
        path = self._folder / RANK_STATE.format(self.rank)
        tensors: dict[str, Tensor] = {}
        offsets = {}
        for item in plan.items:
            content = planner.resolve_data(item)
            assert isinstance(content, Tensor)
            assert item.tensor_data is not None
            tensors[item.index.fqn] = content
            offsets[item.index.fqn] = {"saved_offsets": item.tensor_data.chunk.offsets}
        try:
            save_file(tensors, path, metadata={"format": "pt", "DCP_SHARDING_INFO": json.dumps(offsets)})
        except SafetensorError as error:  # as on a full disk
            raise OSError(f"cannot write {path}: {error}") from error
        fsync(path)
        return WriteResult(plan.items[0].index, path.stat().st_size, (path.name, sha256_of(path)))


def write(
    tensors: Mapping[str, Tensor],
    folder: Path,
    complete: Callable[[Mapping[str, str]], None],
    group: ProcessGroup | None,
) -> None:
    """Write this rank's tensors, in the host's memory, into a folder; every rank must call it.

    Args:
        tensors: plain ones are written as they are, of a DTensor the part that this rank holds, once if several do.
        complete: called on the first rank when all have written, with the digests of all files by their names.
        group: of all ranks; None for one.

    Raises:
        OSError: a rank could not write, or `complete` has raised it; on all ranks.
        RuntimeError: a rank is gone.
    """
    try:
        save(dict(tensors), storage_writer=RankWriter(folder, complete), process_group=group, no_dist=group is None)
    except CheckpointException as problem:
        raise next(iter(problem.failures.values()))[0] from None


def read(folder: Path, like: Callable[[str], Tensor | None], group: ProcessGroup | None) -> dict[str, Tensor]:
    """All tensors in a folder, by name, in the host's memory; every rank must call it.

    Args:
        like: a tensor by name. If it is a DTensor, one of the same shape comes back sharded as it is: each rank reads
            its own part, whichever ranks wrote it.
        group: of all ranks; None for one.

    Raises:
        OSError, ValueError, RuntimeError, SafetensorError: the files cannot be read.
    """
    reader = HuggingFaceStorageReader(str(folder))
    tensors: dict[str, Tensor] = {}
    for name, stored in reader.read_metadata().state_dict_metadata.items():
        assert isinstance(stored, TensorStorageMetadata)
        model = like(name)
        if model is None or model.shape != stored.size:
            model = torch.empty(stored.size)
        tensors[name] = torch.empty_like(model, dtype=stored.properties.dtype, device="cpu")
    try:
        load(tensors, storage_reader=reader, process_group=group, no_dist=group is None)
    except CheckpointException as problem:
        raise next(iter(problem.failures.values()))[0] from None
    return tensors
