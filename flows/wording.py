"""How numbers and row counts are written, in the command line and in the UI alike."""

import re
from collections.abc import Mapping
from typing import Any

from tasks.engine.artifact import Counts
from tasks.engine.meter import duration
from tasks.engine.output import Progress


def figure(value: Any) -> str:
    """Whole numbers with thousands separators, others to four significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:.4g}"


def without_passwords(text: str) -> str:
    """The text without the user names and passwords in its addresses, to be printed or stored."""
    return re.sub(r"://[^/@\s]*@", "://…@", text)


def flow_of_rows(counts: Counts) -> str:
    """`3,372 → 3,120 rows, 252 rejected`."""
    rejected = sum(counts.rejected.values())
    text = f"{counts.rows_in:,} → {counts.rows_out:,} {counts.unit}"
    return f"{text}, {rejected:,} rejected" if rejected else text


def numbers(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numeric leaves of nested metrics, by dotted name."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{name}"] = value
    return found


def how_far(progress: Progress | None, done_before: int, elapsed_s: float) -> str:
    """`120 of 3,000 steps, loss 2.1, 3.4 a second, 4 min 10 s left`; work that is not counted has its time alone.

    Args:
        progress: the last that the stage told; None before it told any.
        done_before: what was done already when `elapsed_s` began, by a run before this one.
        elapsed_s: time since then.
    """
    if progress is not None and progress.waits:
        return f"waiting, {duration(elapsed_s)} so far: {progress.waits}"
    if progress is None or progress.total <= 1:
        return f"working, {duration(elapsed_s)} so far"
    parts = [f"{progress.done:,} of {progress.total:,} {progress.what}"]
    done = progress.done - done_before
    left = progress.eta_s
    if done > 0 and elapsed_s > 0:
        rate = done / elapsed_s
        parts.append(f"{rate:.3g} a second" if rate >= 1 else f"{duration(1 / rate)} each")
        if left is None and progress.done < progress.total:
            left = (progress.total - progress.done) / rate
    parts.append(f"{duration(left)} left" if left is not None else f"{duration(elapsed_s)} so far")
    return ", ".join(parts)
