"""The kind of this machine's processors, as its driver tells it."""

import subprocess
from pathlib import Path

import pytest

from flows.approval.here import preset_here, preset_of
from tasks.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "preset"),
    [
        ("NVIDIA H200, 143771", "h200-141gb"),
        ("NVIDIA H100 80GB HBM3, 81559", "h100-80gb"),
        ("NVIDIA A100-SXM4-80GB, 81920", "a100-80gb"),
        ("Tesla V100-SXM2-16GB, 16384", "v100-16gb"),
        ("NVIDIA GeForce RTX 4090, 24564", "rtx-4090-24gb"),
    ],
)
def test_a_gpu_is_found_by_its_name_and_memory(line: str, preset: str) -> None:
    assert preset_of(line) == preset


@pytest.mark.parametrize("line", ["NVIDIA A100-SXM4-40GB, 40960", "NVIDIA L4, 23034"])
def test_a_gpu_without_preset_is_answered_in_a_sentence(line: str) -> None:
    with pytest.raises(ConfigError, match=r"no preset for this machine's NVIDIA .*: name the closest of cpu-2-cores"):
        preset_of(line)


def test_the_driver_is_asked_and_a_machine_without_one_has_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert preset_here() == "cpu-2-cores"
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\necho "NVIDIA H200, 143771"\necho "NVIDIA H200, 143771"\n')
    tool.chmod(0o755)
    assert preset_here() == "h200-141gb"
    tool.write_text("#!/bin/sh\nexit 9\n")
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run([tool], check=True)
    assert preset_here() == "cpu-2-cores"
