"""All random numbers of a run as a pure function of seed, purpose, and step or position of the example.

Nothing is kept between steps, so a run that is killed and resumed draws what it would have drawn. No number depends on
a rank or on how many examples share a batch, so any number of processes draws the same.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


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
    """One update as one rank sees it, or one of the parts whose gradients it adds up.

    Examples have positions in an endless sequence of epochs. Step n takes those from n times the batch size on; each
    rank takes an equal run of them, and each part an equal run of a rank's.
    """

    number: int
    seed: int
    rank: int = 0
    world: int = 1
    part: int = 0
    parts: int = 1

    def positions(self, batch_size: int) -> range:
        """Positions of the examples of this rank and part; `batch_size` is that of a whole update."""
        share = batch_size // (self.world * self.parts)
        first = self.number * batch_size + (self.rank * self.parts + self.part) * share
        return range(first, first + share)

    def generator(self, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
        """Torch generator for noise that belongs to the step as a whole: the same on every rank."""
        return generator_of(self.seed, self.number, purpose, device=device)

    def uniform(
        self, purpose: str, batch_size: int, shape: Sequence[int], device: str | torch.device = "cpu"
    ) -> Tensor:
        """Numbers from [0, 1), each example's drawn for its position: fp32 [B, *shape]."""
        positions = self.positions(batch_size)
        noise = torch.empty((len(positions), *shape), device=device)
        generator = torch.Generator(device=device)
        for example, position in zip(noise, positions, strict=True):
            generator.manual_seed(seed_of(self.seed, "example", position, purpose))
            example.uniform_(generator=generator)
        return noise

    def of_examples(self, purpose: str, batch_size: int) -> list[np.random.Generator]:
        """A NumPy generator for each example of this rank and part, seeded by its position."""
        positions = self.positions(batch_size)
        return [np.random.default_rng(seed_of(self.seed, "example", position, purpose)) for position in positions]
