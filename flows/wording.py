"""How numbers and row counts are written, in the command line and in the UI alike."""

from collections.abc import Mapping
from typing import Any

from tasks.engine.artifact import Counts


def figure(value: Any) -> str:
    """Whole numbers with thousands separators, others to four significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:.4g}"


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
