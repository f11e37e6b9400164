"""The curves of a training that is not finished, as markdown."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from flows.pages.markdown import table
from flows.wording import figure

ROWS = 12
# What is shown of a line about speed, and the names of the columns.
SPEED = {
    "tokens_per_s": "tokens/s",
    "examples_per_s": "examples/s",
    "of_peak": "of the device's peak",
    "memory_mb": "memory, MiB",
    "straggler_s": "slowest rank behind, s",
}
_OTHER = {"step", "seconds_per_step", "slowest_rank"}
_HELD_OUT = "val/"


def training_curves(curves: Sequence[Path]) -> str:
    """About `ROWS` of the logged steps and the last validation; empty if nothing is logged yet.

    Args:
        curves: files of a trainer, one JSON object a line.

    Raises:
        FileNotFoundError: the training has ended, and they are gone.
        ValueError, KeyError: a line is damaged.
    """
    steps: dict[int, dict[str, float]] = {}
    held_out: dict[str, float] = {}
    for line in (line for path in curves for line in _lines(path)):
        of_validation = {name.removeprefix(_HELD_OUT): line[name] for name in line if name.startswith(_HELD_OUT)}
        if of_validation:
            held_out = of_validation
        else:
            steps.setdefault(int(line["step"]), {}).update(line)
    if not steps:
        return ""
    parts = ["# Training", _thinned(steps)]
    if held_out:
        figures = [(name.replace("_", " "), figure(value)) for name, value in held_out.items()]
        parts += ["# Validation", table(("figure", "value"), figures)]
    return "\n\n".join(parts)


def _thinned(steps: dict[int, dict[str, float]]) -> str:
    numbers = sorted(steps)
    shown = [*numbers[: -1 : max(1, len(numbers) // ROWS)], numbers[-1]]
    last = steps[shown[-1]]
    names = [name for name in last if name not in SPEED and name not in _OTHER]
    names += [name for name in SPEED if name in last]
    header = ("step", *(SPEED.get(name, name.replace("_", " ")) for name in names))
    rows = [(f"{n:,}", *(figure(steps[n][name]) if name in steps[n] else "" for name in names)) for n in shown]
    return table(header, rows)


def _lines(path: Path) -> Iterator[dict[str, float]]:
    """Whole lines: the trainer may be writing the last one."""
    text = path.read_text(encoding="utf-8")
    return (json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines())
