"""What PowerSGD sends between machines in place of gradients (paper 2.5, E.1, table 2). Imports no torch."""

from collections.abc import Sequence

from models.planning.weights import Weight


def factor_numbers(weights: Sequence[Weight], rank: int, gpus_per_machine: int) -> float:
    """Numbers of all factors P and Q of one GPU's shards.

    A shard [a, b] becomes P [a, r / m] and Q [b, r / m], where m GPUs share a machine and r is the rank of them all
    (E.1). The three matrices of queries, keys and values are compressed each by itself. No factor has more columns than
    its shard has rows or columns.
    """
    own_rank = rank / gpus_per_machine
    shards = [(w.parts, _sides(w, gpus_per_machine)) for w in weights if w.is_matrix_of_a_block]
    return sum(min(own_rank, *sides) * parts * sum(sides) for parts, sides in shards)


def compression_rate(weights: Sequence[Weight], rank: int, gpus_per_machine: int) -> float:
    """Share of the matrices' numbers that need not be sent: 1 - 5 r / (8 d) for 8 GPUs (table 1)."""
    whole = sum(weight.size for weight in weights if weight.is_matrix_of_a_block)
    return 1.0 - factor_numbers(weights, rank, gpus_per_machine) * gpus_per_machine / whole


def _sides(weight: Weight, gpus_per_machine: int) -> list[float]:
    """Rows and columns of a shard of one of the matrices in a weight."""
    sides: list[float] = [weight.shape[0] / weight.parts, weight.shape[1]]
    sides[weight.sharded_axis] /= gpus_per_machine
    return sides
