"""All random numbers of a run as a pure function of seed, step, rank and purpose.

Nothing is kept between steps, so a run that is killed and resumed draws what it would have drawn.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


def seed_of(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part and on their order."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator_of(*parts: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A torch generator seeded by `seed_of(*parts)`."""
    generator = torch.Generator(device=device)
    generator.manual_seed(seed_of(*parts))
    return generator


@dataclass(frozen=True)
class Step:
    """One update as one rank sees it."""

    number: int
    seed: int
    rank: int = 0
    world: int = 1

    def generator(self, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
        """Torch generator for one use of noise in this step on this rank."""
        return generator_of(self.seed, self.number, self.rank, purpose, device=device)

    def numpy(self, purpose: str) -> np.random.Generator:
        """NumPy generator for one use of noise in this step on this rank."""
        return np.random.default_rng(seed_of(self.seed, self.number, self.rank, purpose))

    def indices(self, examples: int, batch_size: int) -> list[int]:
        """This rank's share of the step's batch: indices below `examples`.

        Batches are consecutive slices of an endless sequence of permutations, one per epoch, so every example is seen
        once an epoch. The union over ranks does not depend on the number of ranks.
        """
        share = batch_size // self.world
        first = self.number * batch_size + self.rank * share
        return _chain_of_permutations(self.seed, examples, range(first, first + share))


def _chain_of_permutations(seed: int, examples: int, positions: Sequence[int]) -> list[int]:
    orders: dict[int, list[int]] = {}
    chosen = []
    for position in positions:
        epoch, offset = divmod(position, examples)
        if epoch not in orders:
            orders[epoch] = torch.randperm(examples, generator=generator_of(seed, "order", epoch)).tolist()
        chosen.append(orders[epoch][offset])
    return chosen
