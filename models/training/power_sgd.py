"""PowerSGD as the paper runs it (4.3, E.2): two thin factors of a matrix cross the network in place of its gradient.

What the factors miss stays in an error buffer and is sent with later gradients. The random factor Q is drawn once and
never changed. Everything here is linear in the mean of the machines' error buffers up to rounding, so the number of
machines changes no result, and neither does the number of ranks that share a machine: a weight is cut into the same
parts for any number of them.
"""

from collections.abc import Callable, Sequence
from math import nan

import torch
from torch import Tensor

from models.training.randomness import generator_of
from models.training.sixteen_bits import Format

ORTHOGONALISATION_EPS = 1e-6

Mean = Callable[[Tensor], None]  # replaces a tensor by its mean over the machines


def orthonormal(p: Tensor) -> Tensor:
    """Orthonormal columns that span those of each P of [k, rows, rank], by Householder's reflections.

    A multiple of the identity is added beforehand, for matrices of lower rank; Gram-Schmidt was unstable (E.2).
    """
    identity = torch.eye(p.shape[1], p.shape[2], dtype=p.dtype, device=p.device)
    return torch.linalg.qr(p + ORTHOGONALISATION_EPS * identity).Q


class CompressedWeight:
    """A weight's share on this rank: matrices that are compressed each by itself, with error buffers and factors.

    Attributes:
        axis: along which the weight is cut into matrices; also the one along which ranks share it.
        count: matrices on this rank, k.
        buffer: what has not been sent yet, as it is kept: fp32 or codes of a format of 16 bits, of the share's shape.
        q: the fixed factor of each matrix, fp32 [k, columns, rank].
    """

    def __init__(
        self,
        share: Tensor,
        axis: int,
        numbers: range,
        rank: int,
        seed: int,
        name: str,
        kept_in: Format | None = None,
    ) -> None:
        """Begin with nothing left to send.

        Args:
            share: for its shape and its device.
            numbers: of its matrices among all of the weight.
            rank: of the factors; lower where a matrix has fewer rows.
            name: of the weight; with the seed and a matrix's number, all that its Q depends on.
            kept_in: format of the error buffer between two updates; fp32 when None.
        """
        self.axis = axis
        self.count = len(numbers)
        self._format = kept_in
        self.buffer = self.as_kept(torch.zeros(share.shape, dtype=torch.float32, device=share.device))
        rows, columns = self.matrices(share).shape[1:]
        self.q = torch.stack(
            [
                torch.randn(columns, min(rank, rows), generator=generator_of(seed, "power sgd", name, number))
                for number in numbers
            ]
        ).to(share.device)

    @property
    def error(self) -> Tensor:
        """What has not been sent yet, fp32; the buffer itself if that is how it is kept."""
        return self.buffer if self._format is None else self._format.decode(self.buffer)

    def as_kept(self, error: Tensor) -> Tensor:
        """An error as the buffer keeps it."""
        return error if self._format is None else self._format.encode(error)

    def matrices(self, share: Tensor) -> Tensor:
        """A tensor of the share's shape as a view [k, rows, columns], with no more rows than columns.

        So the factor that is orthogonalised is the shorter one.
        """
        found = share.unflatten(self.axis, (self.count, -1)).movedim(self.axis, 0)
        return found.mT if found.shape[1] > found.shape[2] else found


class PowerSGD:
    """Exchange of the gradients of one block between machines.

    Attributes:
        weights: the block's matrices, by name.
    """

    def __init__(self, weights: dict[str, CompressedWeight]) -> None:
        self.weights = weights

    @torch.no_grad()
    def exchange(self, gradients: Sequence[Tensor], others: Sequence[Tensor], mean: Mean) -> None:
        """Replace gradients by their means over machines, those of the matrices by what the factors say of it.

        Two collectives, in the same order on all ranks, whatever the gradients are: the first factors with all that is
        not compressed, then the second factors.

        A gradient of this rank that is not finite stays out of the error buffers, and what becomes of it is NaN, so
        that who checks the gradients skips the update. Where factors are not finite, all of them are NaN, and a buffer
        stays as it is, or is zeroed if it is not finite itself; zeroing often harms training (E.2).

        Args:
            gradients: of the weights' shares, in their order.
            others: gradients that are not compressed.
        """
        weights = list(self.weights.values())
        errors = [weight.error for weight in weights]
        own = [gradient.isfinite().all() for gradient in gradients]
        finite = torch.stack([*own, *(gradient.isfinite().all() for gradient in others)]).all()
        for error, gradient in zip(errors, gradients, strict=True):
            error.copy_(torch.where(finite, error + gradient, error))
        left = [weight.matrices(error) @ weight.q for weight, error in zip(weights, errors, strict=True)]
        first = _means([*left, *others], mean)
        for gradient, value in zip(others, first[len(weights) :], strict=True):
            gradient.copy_(value)
        left = [orthonormal(_clamped(p)) for p in first[: len(weights)]]
        right = _means([w.matrices(e).mT @ p for w, e, p in zip(weights, errors, left, strict=True)], mean)
        sent = torch.stack([factor.isfinite().all() for factor in (*first[: len(weights)], *right)]).all()
        for weight, error, gradient, was_finite, p, q in zip(weights, errors, gradients, own, left, right, strict=True):
            weight.matrices(gradient).copy_(p @ _clamped(q).mT)
            kept = torch.where(error.isfinite().all(), error, 0.0)
            weight.buffer.copy_(weight.as_kept(torch.where(sent, error - gradient, kept)))
            gradient.masked_fill_(~(was_finite & sent), nan)


def _means(tensors: Sequence[Tensor], mean: Mean) -> list[Tensor]:
    """Their means over the machines, by one collective."""
    joined = torch.cat([tensor.flatten() for tensor in tensors])
    mean(joined)
    parts = joined.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def _clamped(factor: Tensor) -> Tensor:
    """Finite numbers in place of all others, which a decomposition may not survive; their update is skipped."""
    return factor.nan_to_num(nan=0.0)
