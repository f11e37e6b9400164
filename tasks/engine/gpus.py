"""The NVIDIA GPUs of this machine and the power they take, as `nvidia-smi`, which comes with the driver, reads it."""

import os
import shutil
import subprocess
from dataclasses import dataclass

from tasks.engine.artifact import GPURecord

PROGRAM = "nvidia-smi"
QUERY = "--query-gpu=uuid,name,power.draw,power.limit"
ANSWER_S = 20


@dataclass(frozen=True)
class GPUReading:
    """One GPU at one moment; watts, None where the driver does not say."""

    uuid: str
    name: str
    draw_w: float | None
    limit_w: float | None


class GPUEnergy:
    """Adds up the energy of the GPUs that this process may use, whoever else uses them meanwhile."""

    def __init__(self) -> None:
        self._joules: dict[str, float | None] = {}
        self._last: dict[str, GPUReading] = {}

    def add(self, seconds: float) -> None:
        """Takes it that each GPU took for the last `seconds` what it takes now. Without a GPU it does nothing."""
        for reading in readings():
            before = self._joules.get(reading.uuid, 0.0)
            if before is None or reading.draw_w is None:
                self._joules[reading.uuid] = None
            else:
                self._joules[reading.uuid] = before + reading.draw_w * seconds
            self._last[reading.uuid] = reading

    def records(self) -> tuple[GPURecord, ...]:
        """Each GPU that was seen, with its energy so far."""
        return tuple(
            GPURecord(name=seen.name, joules=_rounded(self._joules[uuid]), board_power_w=seen.limit_w)
            for uuid, seen in self._last.items()
        )


def readings() -> list[GPUReading]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves to this process; none where the driver is missing or fails."""
    program, visible = shutil.which(PROGRAM), os.environ.get("CUDA_VISIBLE_DEVICES")
    if program is None or (visible is not None and visible.strip() in ("", "-1")):
        return []
    only = [f"--id={visible}"] if visible else []
    command = [program, QUERY, "--format=csv,noheader,nounits", *only]
    try:
        printed = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    lines = [[part.strip() for part in line.split(",")] for line in printed.splitlines()]
    return [GPUReading(uuid, name, _watts(draw), _watts(limit)) for uuid, name, draw, limit in lines if uuid]


def _watts(text: str) -> float | None:
    """A number, where the driver gives one and not `[N/A]`."""
    try:
        return float(text)
    except ValueError:
        return None


def _rounded(joules: float | None) -> float | None:
    return None if joules is None else round(joules, 1)
