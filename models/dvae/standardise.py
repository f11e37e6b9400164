"""Standardised logits: every code gets the same mean and standard deviation. Not in the paper."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.training.distributed import sum_over_ranks

_EPS = 1e-5


class LogitStandardiser(nn.Module):
    """scale * (logits - mean) / standard deviation, per code.

    In training the statistics are those of the batch over all ranks; in evaluation they are constants
    measured by `measure`, so that an image's codes do not depend on the rest of its batch.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, vocab_size: int, scale: float, momentum: float = 0.02) -> None:
        super().__init__()
        self.scale = scale
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(vocab_size))
        self.register_buffer("deviation", torch.ones(vocab_size))

    def forward(self, logits: Tensor) -> Tensor:
        """fp32 [B, V, h, w] to the same shape."""
        if self.training:
            mean, deviation = _statistics(logits)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.deviation.lerp_(deviation, self.momentum)
        else:
            mean, deviation = self.mean, self.deviation
        gain = self.scale / deviation
        return torch.addcmul((-mean * gain)[:, None, None], logits, gain[:, None, None])

    @torch.no_grad()
    def measure(self, batches: Iterable[Tensor]) -> None:
        """Set the constants to the exact statistics of raw logits of all ranks, each batch [B, V, h, w]."""
        count, sums, squares = (torch.zeros_like(self.mean, dtype=torch.float64) for _ in range(3))
        for batch in batches:
            rows = batch.permute(0, 2, 3, 1).flatten(0, 2).double()
            count, sums, squares = count + len(rows), sums + rows.sum(0), squares + rows.square().sum(0)
        count, sums, squares = sum_over_ranks(torch.stack([count, sums, squares]))
        mean = sums / count
        self.mean.copy_(mean)
        self.deviation.copy_((squares / count - mean.square() + _EPS).sqrt())


def _statistics(logits: Tensor) -> tuple[Tensor, Tensor]:
    rows = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    count = sum_over_ranks(torch.tensor(float(len(rows)), device=rows.device))
    mean = sum_over_ranks(rows.sum(0)) / count
    variance = sum_over_ranks((rows - mean).square().sum(0)) / count
    return mean, (variance + _EPS).sqrt()
