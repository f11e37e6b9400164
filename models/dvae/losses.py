"""The dVAE's loss: logit-Laplace likelihood, KL to uniform, Gumbel softmax (paper 2.1, A.2, A.3)."""

import math
from typing import Any

import torch
from torch import Tensor

PHI_MARGIN = 0.1  # A.3
PHI_SLOPE = 1.0 - 2.0 * PHI_MARGIN


def phi(x: Tensor) -> Tensor:
    """Pixels in [0, 1] to [0.1, 0.9], away from the poles of the logit (A.3)."""
    return PHI_SLOPE * x + PHI_MARGIN


def phi_inverse(y: Tensor) -> Tensor:
    """Undo `phi`; values beyond its range are clamped to [0, 1]."""
    return ((y - PHI_MARGIN) / PHI_SLOPE).clamp(0.0, 1.0)


def logit_laplace_nll(mapped: Tensor, mu: Tensor, log_scale: Tensor) -> Tensor:
    """Negative log-density in nats of values in (0, 1) under the logit-Laplace distribution (A.3, equation 2).

    Args:
        mapped: phi(pixels), any shape.
        mu: location in logit space, same shape.
        log_scale: ln b, same shape.

    Returns:
        ln 2 + ln b + ln x + ln(1 - x) + |logit(x) - mu| / b, same shape.
    """
    log_x, log_rest = mapped.log(), torch.log1p(-mapped)
    distance = (log_x - log_rest - mu).abs()
    return math.log(2.0) + log_scale + log_x + log_rest + distance * torch.exp(-log_scale)


def kl_to_uniform(logits: Tensor) -> Tensor:
    """KL divergence in nats from softmax(logits) over dimension 1 to the uniform distribution over the V codes.

    Args:
        logits: raw logits [B, V, h, w], without noise and temperature.

    Returns:
        ln V + sum q ln q, [B, h, w], between 0 and ln V.
    """
    divergence: Tensor = _NegativeEntropy.apply(logits.permute(0, 2, 3, 1))
    return math.log(logits.shape[1]) + divergence


class _NegativeEntropy(torch.autograd.Function):
    """sum q ln q of q = softmax(rows), with the gradient q (ln q - sum q ln q), in half of autograd's passes over V."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        """[..., V] to [...]."""
        log_q = rows.log_softmax(-1)
        q = log_q.exp()
        total = torch.linalg.vecdot(q, log_q)
        ctx.save_for_backward(q, log_q, total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """The gradient of the rows, [..., V]."""
        q, log_q, total = ctx.saved_tensors
        return (log_q - total[..., None]).mul_(q).mul_(gradient[..., None])


def gumbel_softmax(logits: Tensor, tau: float, generator: torch.Generator) -> Tensor:
    """`relaxed_codes` with noise from `generator`.

    Args:
        logits: [B, V, h, w].
        tau: temperature.

    Returns:
        [B, V, h, w], each position's weights adding up to 1.
    """
    shape = (len(logits), *rows_shape(logits))
    return relaxed_codes(logits, tau, torch.rand(shape, generator=generator, device=logits.device))


def rows_shape(logits: Tensor) -> tuple[int, int, int]:
    """Shape of one example's noise for logits [B, V, h, w]: (h, w, V), as they lie in memory."""
    _, codes, height, width = logits.shape
    return height, width, codes


def relaxed_codes(logits: Tensor, tau: float, uniform: Tensor) -> Tensor:
    """Relaxed one-hot samples: softmax((logits + Gumbel noise) / tau) over dimension 1 (2.1).

    From Jang et al. 2016 and Maddison et al. 2016. Soft forward and backward, no straight-through.

    Args:
        logits: [B, V, h, w].
        tau: temperature; towards 0 the result tends to the one-hot argmax of logits + noise.
        uniform: numbers from [0, 1) [B, h, w, V], which become the noise and are overwritten.

    Returns:
        [B, V, h, w], each position's weights adding up to 1.
    """
    rows = logits.permute(0, 2, 3, 1)
    noise = uniform.clamp_(min=torch.finfo(uniform.dtype).tiny).log_().neg_().log_().neg_()
    return ((rows + noise) / tau).softmax(-1).permute(0, 3, 1, 2)


def dvae_loss(nll: Tensor, kl: Tensor, beta: float) -> Tensor:
    """Per-value loss of a batch: (sum of nll + beta * sum of KL) / number of values (A.2).

    Args:
        nll: [B, 3, H, W].
        kl: [B, h, w].
        beta: weight of the KL term.

    Returns:
        A scalar, in nats per value.
    """
    values_per_cell = nll[0].numel() / kl[0].numel()  # 192 at the paper's size
    return nll.mean() + beta / values_per_cell * kl.mean()
