"""Which preset of a plan this machine's processors are."""

import subprocess

from models.planning.hardware import PRESETS
from tasks.errors import ConfigError

WITHOUT_GPU = "cpu-2-cores"
_ASK = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
_ANSWER_S = 30.0
_MEMORY_TOLERANCE = 0.15  # of what makers state; the next smaller card of each name has a third less


def preset_here() -> str:
    """The name of the preset of this machine's first GPU, or that of a small CPU without one.

    Asks the driver's own tool: torch would take memory of the GPU, which the trainings need.

    Raises:
        ConfigError: the GPU is of a kind without a preset.
    """
    try:
        asked = subprocess.run(_ASK, capture_output=True, text=True, check=True, timeout=_ANSWER_S)
    except (OSError, subprocess.SubprocessError):  # no driver, or one without a GPU
        return WITHOUT_GPU
    first = next(iter(asked.stdout.splitlines()), "")
    return preset_of(first) if first else WITHOUT_GPU


def preset_of(line: str) -> str:
    """The name of the preset of a GPU as nvidia-smi tells it, such as `NVIDIA H200, 143771` (MiB).

    Raises:
        ConfigError: there is none.
    """
    name, _, mebibytes = line.rpartition(",")
    for preset in PRESETS.values():
        words = preset.name.split("-")[:-1]  # without the memory, which is compared below
        memory_gb = float(mebibytes) * 2**20 / 1e9
        close = abs(memory_gb - preset.memory_gb) < _MEMORY_TOLERANCE * preset.memory_gb
        if all(word in name.lower() for word in words) and close:
            return preset.name
    raise ConfigError(
        f"There is no preset for this machine's {name.strip()}, so its trainings cannot be planned: name the closest "
        f"of {', '.join(PRESETS)} with --hardware or the setting approval.hardware."
    )
