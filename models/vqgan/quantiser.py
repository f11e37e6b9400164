"""The code book: nearest codes, gradients past them, and the moving averages it learns by."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.training.distributed import sum_over_ranks
from models.training.randomness import Step

_ROWS = 4096  # vectors compared with the code book at a time, which bounds the memory for distances
_LEAST_COUNT = 1e-6  # a code that was used less than this keeps its vector


class CodeBook(nn.Module):
    """One vector for each code. No optimiser moves it, so it is a buffer."""

    weight: Tensor

    def __init__(self, vocab_size: int, code_length: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(vocab_size, code_length).uniform_(-1 / vocab_size, 1 / vocab_size))


class Quantiser(nn.Module):
    """Latent vectors to the nearest vectors of the code book."""

    def __init__(self, vocab_size: int, code_length: int) -> None:
        super().__init__()
        self.embedding = CodeBook(vocab_size, code_length)

    def forward(self, latents: Tensor) -> Tensor:
        """fp32 latent vectors [B, D, h, w] to the nearest codes by Euclidean distance, int64 [B, h, w]."""
        rows = latents.detach().permute(0, 2, 3, 1).flatten(0, 2)
        code_book = self.embedding.weight
        half_squares = code_book.square().sum(1) / 2
        with torch.autocast(latents.device.type, enabled=False):
            # |z - e|^2 / 2 = |z|^2 / 2 - z e + |e|^2 / 2, of which the first part is the same for all codes.
            nearest = [torch.addmm(half_squares, part, code_book.T, alpha=-1).argmin(1) for part in rows.split(_ROWS)]
        return torch.cat(nearest).view(latents.shape[0], *latents.shape[2:])

    def vectors(self, codes: Tensor) -> Tensor:
        """Codes, int64 [B, h, w], to their vectors, fp32 [B, D, h, w]."""
        return F.embedding(codes, self.embedding.weight).permute(0, 3, 1, 2)


def straight_through(latents: Tensor, vectors: Tensor) -> Tensor:
    """The vectors, with the gradient handed to the latents as if they had not been quantised."""
    return latents + (vectors - latents).detach()


class CodeBookAverage(nn.Module):
    """How often each code is used and the sum of what it stands for, as exponential moving averages over all ranks.

    A code's vector is their ratio (van den Oord et al. 2017, appendix A.1). Both averages start at zero, so that the
    ratio is not drawn towards the vectors at the start. They are the state of a training, not a part of the model.
    """

    counts: Tensor
    sums: Tensor

    def __init__(self, vocab_size: int, code_length: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("counts", torch.zeros(vocab_size))
        self.register_buffer("sums", torch.zeros(vocab_size, code_length))

    @torch.no_grad()
    def update(self, code_book: CodeBook, vectors: Tensor, codes: Tensor) -> Tensor:
        """Move the code book towards the latent vectors of a step.

        Args:
            vectors: this rank's latent vectors, fp32 [N, D].
            codes: their codes, int64 [N].

        Returns:
            How many vectors of all ranks chose each code, fp32 [V].
        """
        chosen = sum_over_ranks(torch.bincount(codes, minlength=len(self.counts)).float())
        self.counts.lerp_(chosen, 1 - self.decay)
        self.sums.lerp_(sum_over_ranks(torch.zeros_like(self.sums).index_add_(0, codes, vectors)), 1 - self.decay)
        means = self.sums / self.counts.clamp(min=_LEAST_COUNT)[:, None]
        code_book.weight.copy_(torch.where((self.counts > _LEAST_COUNT)[:, None], means, code_book.weight))
        return chosen

    @torch.no_grad()
    def restart(self, code_book: CodeBook, vectors: Tensor, step: Step, below: float) -> None:
        """Put codes that are hardly used on latent vectors of this step, drawn from those of all ranks.

        Args:
            vectors: this rank's latent vectors, fp32 [N, D]; N is the same on every rank.
            below: share of an equal share of all vectors, below which a code counts as hardly used.
        """
        equal_share = len(vectors) * step.world / len(self.counts)
        unused = self.counts < below * equal_share
        drawn = _drawn(vectors, len(self.counts), step)
        code_book.weight.copy_(torch.where(unused[:, None], drawn, code_book.weight))
        self.sums.copy_(torch.where(unused[:, None], drawn * equal_share, self.sums))
        self.counts.masked_fill_(unused, equal_share)


def _drawn(vectors: Tensor, count: int, step: Step) -> Tensor:
    """`count` of all ranks' vectors, the same ones on every rank and for any number of ranks: [count, D]."""
    rows = torch.randint(len(vectors) * step.world, (count,), generator=step.generator("restart")).to(vectors.device)
    own = rows - step.rank * len(vectors)
    here = (own >= 0) & (own < len(vectors))
    return sum_over_ranks(torch.where(here[:, None], vectors[own.clamp(0, len(vectors) - 1)], 0.0))
