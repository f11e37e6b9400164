"""Schedules: pure functions of the step (0-based number of the update about to be made)."""

import math


def cosine_ramp(start: float, end: float, steps: int, step: int) -> float:
    """Half a cosine from `start` at step 0 to `end` at `steps`, constant after (paper A.2).

    With no steps it is `end` from the beginning.
    """
    if steps <= 0:
        return end
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(step / steps, 1.0)))


def linear_warmup(peak: float, steps: int, step: int) -> float:
    """Straight line that reaches `peak` at the last of `steps` updates (paper B.2); the first update is not zero."""
    return peak if steps <= 0 else peak * min((step + 1) / steps, 1.0)


def warmup_cosine(peak: float, end: float, warmup: int, steps: int, step: int) -> float:
    """Linear warm-up to `peak`, then half a cosine down to `end` at `steps`, constant after."""
    if step < warmup:
        return linear_warmup(peak, warmup, step)
    return cosine_ramp(peak, end, steps - warmup, step - warmup)


def ema_decay_at(limit: float, step: int) -> float:
    """Decay of the EMA of the weights at `step`: it rises to `limit`, as min(limit, (1 + step) / (10 + step)).

    With a constant decay the random initial weights would keep a large share in the EMA of a short run.
    """
    return min(limit, (1.0 + step) / (10.0 + step))
