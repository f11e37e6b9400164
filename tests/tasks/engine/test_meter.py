"""What a stage took is measured: the processors of all its processes, and GPUs as their driver reads them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.toy import NumbersConfig, numbers

from tasks.engine import gpus
from tasks.engine.artifact import RunRecord, TrainerRecord
from tasks.engine.code import CodeRecord
from tasks.engine.meter import Meter
from tasks.settings import Settings

WORK = "import time\nwhile time.process_time() < 0.4: pass"
CODE = CodeRecord(module="toy", sha256="")


@pytest.fixture(autouse=True)
def without_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(gpus, "PROGRAM", "a-driver-program")


def driver(folder: Path, *lines: str) -> None:
    """A program that answers like nvidia-smi, and writes down how it was asked."""
    program = folder / gpus.PROGRAM
    answer = "\n".join(f"echo '{line}'" for line in lines)
    program.write_text(f'#!/bin/sh\necho "$@" >>{folder}/asked\n{answer}\n')
    program.chmod(0o755)


def test_the_work_of_children_counts_after_they_have_ended() -> None:
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", WORK], check=True)
    assert 0.4 <= meter.record(CODE).cpu_seconds < 2


def test_the_work_of_the_children_of_a_child_counts_too() -> None:
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WORK!r}], check=True)"
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", parent], check=True)
    assert meter.record(CODE).cpu_seconds >= 0.4


def test_a_child_that_still_runs_counts_for_what_it_has_done() -> None:
    child = subprocess.Popen([sys.executable, "-c", f"{WORK}\nprint(flush=True)\ntime.sleep(60)"], stdout=-1)
    try:
        with Meter() as meter:
            assert child.stdout is not None
            child.stdout.readline()
        assert meter.record(CODE).cpu_seconds >= 0.3  # a little may have been done before
    finally:
        child.kill()
        child.communicate()


def test_waiting_is_no_work() -> None:
    with Meter() as meter:
        time.sleep(0.5)
    record = meter.record(CODE)
    assert record.seconds >= 0.5
    assert record.cpu_seconds < 0.3
    assert record.gpus == ()


def test_the_energy_of_a_gpu_is_its_power_by_the_time(tmp_path: Path) -> None:
    driver(tmp_path, "GPU-1, NVIDIA H200, 300.00, 700.00", "GPU-2, NVIDIA H200, 100.00, 700.00")
    with Meter() as meter:
        time.sleep(0.5)
    record = meter.record(CODE)
    assert [(gpu.name, gpu.board_power_w) for gpu in record.gpus] == [("NVIDIA H200", 700.0)] * 2
    assert record.gpus[0].joules == pytest.approx(300 * record.seconds, rel=0.2)
    assert record.gpus[1].joules == pytest.approx(record.gpus[0].joules / 3, rel=0.01)


def test_a_board_that_tells_no_power_has_its_limit_alone(tmp_path: Path) -> None:
    driver(tmp_path, "GPU-1, GRID A100, [N/A], 250.00", "GPU-2, GRID A100, [N/A], [N/A]")
    energy = gpus.GPUEnergy()
    energy.add(1.0)
    assert [(each.joules, each.board_power_w) for each in energy.records()] == [(None, 250.0), (None, None)]


@pytest.mark.parametrize("answer", ["", "NVIDIA-SMI has failed, because", "exit 9"])
def test_a_driver_that_fails_is_as_none(tmp_path: Path, answer: str) -> None:
    driver(tmp_path, answer)
    (tmp_path / gpus.PROGRAM).write_text(f"#!/bin/sh\necho '{answer}'\nexit 9\n")
    assert gpus.readings() == []


def test_only_the_gpus_that_the_process_may_use_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, "GPU-1, NVIDIA H200, 300.00, 700.00")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert len(gpus.readings()) == 1
    assert (tmp_path / "asked").read_text().split()[-1] == "--id=2,3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus.readings() == []


def test_work_on_other_machines_is_not_measured_by_the_processors_of_this_one(tmp_path: Path) -> None:
    driver(tmp_path, "GPU-1, NVIDIA H200, 300.00, 700.00")
    trainer = TrainerRecord(device="NVIDIA H200", processes=8, seconds=10.0)
    with Meter() as meter:
        pass
    record = meter.record(CODE, is_here=False, trainer=trainer)
    assert (record.cpu_seconds, record.gpus, record.trainer) == (None, (), trainer)


@pytest.mark.parametrize("change", [{"dask_address": "tcp://127.0.0.1:1"}, {"launcher": {"kind": "slurm"}}])
def test_a_cluster_is_another_machine(change: dict) -> None:
    assert Settings().is_on_this_machine
    assert not Settings.model_validate(change).is_on_this_machine


def test_a_stage_records_it_and_older_manifests_lack_it(settings: Settings) -> None:
    record = numbers(NumbersConfig(), settings).artifact.manifest().run
    assert record.cpu_seconds is not None
    old = record.model_dump(exclude={"cpu_seconds", "gpus", "trainer"})
    assert RunRecord.model_validate(old).cpu_seconds is None
