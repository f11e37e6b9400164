"""How the ranks share the rows of a validation: each goes through its part, and what they find is added up."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from models.training.distributed import sum_over_ranks


@dataclass(frozen=True)
class ValidationBatch:
    """A batch of a validation that this rank goes through.

    Attributes:
        rows: which of the validation's rows.
        counts: whether its figures are this rank's to count. All ranks go through equally many batches, since they make
            the forward passes of a sharded model together; those who have fewer go through a counted one once more.
    """

    rows: range
    counts: bool = True


def shares(count: int, at_once: int) -> list[ValidationBatch]:
    """This rank's batches of the first `count` rows, each of `at_once`, the last of all of fewer.

    The batches of one rank follow each other, and those of the next rank follow them, so the batches of all ranks are
    those of one.
    """
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    batches = [range(first, min(first + at_once, count)) for first in range(0, count, at_once)]
    each = math.ceil(len(batches) / world)
    own = range(rank * each, (rank + 1) * each)
    return [ValidationBatch(batches[n]) if n < len(batches) else ValidationBatch(batches[0], counts=False) for n in own]


def total(sums: Mapping[str, float]) -> dict[str, float]:
    """The sums of all ranks, added up; every rank must call it with the same names in the same order."""
    values: Tensor = sum_over_ranks(torch.tensor(list(sums.values()), dtype=torch.float64))
    return dict(zip(sums, values.tolist(), strict=True))
