"""Bytes over each kind of link in one update of the prior. Imports no torch.

All collectives are counted as rings: of n ranks, an all-gather or reduce-scatter of S bytes sends (n - 1) / n S over
each link, an all-reduce twice that.
"""

from models.config import Frozen
from models.planning.activations import FP32
from models.planning.compression import factor_numbers
from models.planning.parallel import Parallel
from models.planning.weights import Weight


class Traffic(Frozen):
    """Bytes of one update.

    Attributes:
        in_machine: sent by each GPU to the others of its machine.
        between_machines: sent by each machine to the others.
        uncompressed: what `between_machines` would be without compression.
    """

    in_machine: int
    between_machines: int
    uncompressed: int


def traffic(weights: list[Weight], parallel: Parallel, number_bytes: int, accumulate: int) -> Traffic:
    """What an update sends.

    Args:
        number_bytes: of a gathered number of a block: 2 in half precision, else 4.
        accumulate: parts of a rank's batch, each of which gathers the weights again; where weights are sharded it also
            cuts its gradients, so that no rank holds all of them.
    """
    reduced = parallel.formats.reduced
    matrices = sum(w.size for w in weights if w.is_matrix_of_a_block)
    others = sum(w.size for w in weights) - matrices
    gradients = reduced * matrices + FP32 * others
    if parallel.mode == "single":
        return Traffic(in_machine=0, between_machines=0, uncompressed=0)
    if parallel.mode == "ddp":
        return _one_ring(2 * gradients, parallel)
    outside = sum(w.size for w in weights if w.layer is None)
    # Blocks are gathered for the forward pass and again for the backward pass (2.5), all else once.
    gathered = 2 * number_bytes * (matrices + others - outside) + FP32 * outside
    inside = accumulate * (gathered + gradients)
    if parallel.mode == "fsdp":
        return _one_ring(inside, parallel)
    m, g = parallel.machines, parallel.gpus_per_machine
    sent = gradients
    if parallel.compression_rank is not None:
        factors = g * factor_numbers(weights, parallel.compression_rank, g)
        sent = round(parallel.formats.factor * factors) + FP32 * others
    return Traffic(
        in_machine=round((g - 1) / g * inside),
        between_machines=round(2 * (m - 1) / m * sent),
        uncompressed=round(2 * (m - 1) / m * gradients),
    )


def _one_ring(size: int, parallel: Parallel) -> Traffic:
    """Of a ring through all ranks, one of whose links leaves each machine."""
    over_a_link = round((parallel.ranks - 1) / parallel.ranks * size)
    leaves = over_a_link if parallel.machines > 1 else 0
    stays = over_a_link if parallel.gpus_per_machine > 1 else 0
    return Traffic(in_machine=stays, between_machines=leaves, uncompressed=leaves)
