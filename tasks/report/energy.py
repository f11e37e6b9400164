"""Energy, emissions and money of a run: an estimate from the times and powers that its manifests hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field

from models.planning.hardware import board_power_of_device
from tasks.engine.artifact import RunRecord
from tasks.evaluate.quantities import Part
from tasks.report import words
from tasks.report.config import EnergyConfig

JOULES_PER_KWH, SECONDS_PER_HOUR = 3.6e6, 3600.0


class Energy(Part):
    """An estimate: measured processor time by the power of a core, and what GPUs took by their driver's readings, or
    else their time by the power of their board. Not in it: memory, disks, network and idle machines, attempts that were
    killed, the making of the machines, and this report.
    """

    stages: int = Field(title="Stages counted", description="One that was reused counts as when it was made.")
    core_hours: float = Field(title="Processor time, core hours", description="Measured by the operating system.")
    gpu_hours: float = Field(title="GPU time, hours", description="While a stage ran, whether or not it used them.")
    kwh: float = Field(title="Energy, kWh", description="Estimated. It is one run, so there is no interval.")
    co2e_g: float = Field(title="Emissions, g CO2e", description="Estimated.")
    money: float | None = Field(None, title="Money", description="Hours of the stages, or of their GPUs, by the price.")
    counted_with: str = Field(title="Counted with", description="Set by report.energy.")
    not_measured: str | None = Field(None, title="Not measured, and not in it")


class EnergySection(Part):
    """A section of the report."""

    energy: Energy = Field(title="Energy and cost")


@dataclass(frozen=True)
class GPUUse:
    """Of one stage: seconds of all its GPUs together; `joules` are None where their power is not known."""

    seconds: float
    joules: float | None


def estimate(runs: Mapping[str, RunRecord], config: EnergyConfig) -> Energy | None:
    """What the stages took, by name; None where nothing of it was measured."""
    cores = {name: run.cpu_seconds for name, run in runs.items() if run.cpu_seconds is not None}
    gpus = {name: use for name, run in runs.items() if (use := gpu_use(run, config.board_power_w))}
    if not cores and not gpus:
        return None
    of_gpus = sum(use.joules or 0.0 for use in gpus.values())
    joules = sum(cores.values()) * config.power_w_per_core + of_gpus
    kwh = joules * config.power_usage_effectiveness / JOULES_PER_KWH
    rented_s = sum(max(run.seconds, gpus[name].seconds if name in gpus else 0.0) for name, run in runs.items())
    return Energy(
        stages=len(cores.keys() | gpus.keys()),
        core_hours=sum(cores.values()) / SECONDS_PER_HOUR,
        gpu_hours=sum(use.seconds for use in gpus.values()) / SECONDS_PER_HOUR,
        kwh=kwh,
        co2e_g=kwh * config.carbon_g_per_kwh,
        money=None if config.price_per_hour is None else config.price_per_hour * rented_s / SECONDS_PER_HOUR,
        counted_with="; ".join(_counted_with(config)),
        not_measured="; ".join(_not_measured([name for name in runs if name not in cores], gpus)) or None,
    )


def gpu_use(run: RunRecord, board_power_w: float | None) -> GPUUse | None:
    """What the GPUs of a stage took; None where it had none.

    Args:
        board_power_w: of a GPU that says nothing and whose kind is not known.
    """
    if run.gpus:
        powers = [gpu.board_power_w or board_power_of_device(gpu.name) or board_power_w for gpu in run.gpus]
        at_most = [None if power is None else power * run.seconds for power in powers]
        found = [more if gpu.joules is None else gpu.joules for gpu, more in zip(run.gpus, at_most, strict=True)]
        known = [joules for joules in found if joules is not None]
        return GPUUse(run.seconds * len(found), sum(known) if len(known) == len(found) else None)
    trainer = run.trainer
    if trainer is None or trainer.device.startswith("cpu"):
        return None
    seconds = trainer.processes * trainer.seconds
    power = board_power_of_device(trainer.device) or board_power_w
    return GPUUse(seconds, None if power is None else power * seconds)


def hardware(runs: Mapping[str, RunRecord]) -> str:
    """The kinds of GPU that there were; `CPU` where there was none."""
    found = {gpu.name for run in runs.values() for gpu in run.gpus}
    found |= {run.trainer.device for run in runs.values() if run.trainer and not run.trainer.device.startswith("cpu")}
    return ", ".join(sorted(found)) or "CPU"


def _counted_with(config: EnergyConfig) -> Iterator[str]:
    yield f"{words.number(config.power_w_per_core)} W a core"
    yield f"power usage effectiveness {words.number(config.power_usage_effectiveness)}"
    yield f"{words.number(config.carbon_g_per_kwh)} g CO2e a kWh"
    if config.price_per_hour is not None:
        yield f"{config.price_per_hour:g} {config.currency}".rstrip() + " an hour"


def _not_measured(without_cores: list[str], gpus: Mapping[str, GPUUse]) -> Iterator[str]:
    boards = [name for name, use in gpus.items() if use.joules is None]
    for what, names in (("processor time", without_cores), ("power of the GPUs", boards)):
        if names:
            yield f"{what} of {', '.join(words.name_words(name) for name in names)}"
