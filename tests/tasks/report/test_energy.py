"""The estimate of energy is the formula by hand, and says what it lacks."""

import pytest

from models.planning.hardware import PRESETS, board_power_of_device
from tasks.engine.artifact import GPURecord, RunRecord, TrainerRecord
from tasks.report.config import EnergyConfig
from tasks.report.energy import Energy, estimate, hardware


def record(seconds: float = 100.0, cpu_seconds: float | None = 200.0, **more) -> RunRecord:
    known = {"started": "2026-01-01", "peak_memory_mb": 1, "host": "here", "versions": {}}
    return RunRecord(seconds=seconds, cpu_seconds=cpu_seconds, **known, **more)


def of(config: EnergyConfig | None = None, **runs: RunRecord) -> Energy:
    found = estimate(runs, config or EnergyConfig())
    assert found is not None
    return found


def test_a_core_hour_is_the_power_of_a_core_for_an_hour() -> None:
    found = of(crawl=record(cpu_seconds=1800), train_dvae=record(cpu_seconds=1800))
    assert (found.stages, found.core_hours, found.gpu_hours) == (2, 1.0, 0.0)
    assert found.kwh == pytest.approx(0.012)  # 12 W
    assert found.co2e_g == pytest.approx(0.012 * 475)
    assert (found.money, found.not_measured) == (None, None)


def test_what_is_given_is_counted_with_and_told() -> None:
    config = EnergyConfig(
        power_w_per_core=5, power_usage_effectiveness=1.5, carbon_g_per_kwh=50, price_per_hour=0.36, currency="EUR"
    )
    found = of(config, crawl=record(seconds=100, cpu_seconds=7200))
    assert found.kwh == pytest.approx(2 * 5 * 1.5 / 1000)
    assert found.co2e_g == pytest.approx(found.kwh * 50)
    assert found.money == pytest.approx(0.01)  # of the time that the machine was there, not that its cores worked
    for said in ("5 W a core", "power usage effectiveness 1.5", "50 g CO2e a kWh", "0.36 EUR an hour"):
        assert said in found.counted_with


def test_measured_power_counts_before_the_power_of_the_board() -> None:
    gpu = {"name": "NVIDIA H200", "board_power_w": 600.0}
    measured = of(sample=record(gpus=(GPURecord(**gpu, joules=3.6e6), GPURecord(**gpu, joules=3.6e6)), cpu_seconds=0))
    assert measured.kwh == pytest.approx(2)
    assert measured.gpu_hours == pytest.approx(200 / 3600)
    by_limit = of(sample=record(gpus=(GPURecord(**gpu),), cpu_seconds=0))
    assert by_limit.kwh == pytest.approx(100 * 600 / 3.6e6)


def test_of_trainings_elsewhere_the_gpus_are_known_and_their_processors_are_said_not_to_be() -> None:
    trainer = TrainerRecord(device="NVIDIA H200", processes=8, seconds=90.0)
    config = EnergyConfig(price_per_hour=2)
    found = of(config, crawl=record(cpu_seconds=0), train_prior=record(cpu_seconds=None, trainer=trainer))
    assert found.kwh == pytest.approx(8 * 90 * 700 / 3.6e6)
    assert found.money == pytest.approx(2 * (100 + 720) / 3600)
    assert found.not_measured == "processor time of Train prior"


def test_a_board_of_a_kind_not_known_is_not_measured_until_its_power_is_given() -> None:
    runs = {"sample": record(cpu_seconds=0, gpus=(GPURecord(name="Some board"),))}
    found = of(**runs)
    assert (found.kwh, found.not_measured) == (0.0, "power of the GPUs of Sample")
    assert of(EnergyConfig(board_power_w=360), **runs).kwh == pytest.approx(0.01)


def test_a_run_of_manifests_without_processor_time_has_no_estimate() -> None:
    old = record(cpu_seconds=None, trainer=TrainerRecord(device="cpu x2", processes=1, seconds=90.0))
    assert estimate({"train_dvae": old}, EnergyConfig()) is None
    assert estimate({}, EnergyConfig()) is None


def test_the_hardware_is_the_boards_or_the_processors() -> None:
    gpu = GPURecord(name="NVIDIA H200", joules=1.0)
    assert hardware({"crawl": record(), "sample": record(gpus=(gpu,))}) == "NVIDIA H200"
    assert hardware({"crawl": record()}) == "CPU"


def test_the_power_of_every_board_that_can_be_planned_for_is_known() -> None:
    for preset in PRESETS.values():
        assert all(board_power_of_device(name) == preset.board_power_w for name in preset.device_names)
        assert preset.shares_host_memory or preset.board_power_w
    assert board_power_of_device("another") is None
