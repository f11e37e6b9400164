"""Machines that a training can be planned for, as data. Imports no torch."""

from pydantic import Field

from models.config import Frozen
from models.training.config import Precision


class Hardware(Frozen):
    """One kind of processor and the links between several, as their makers state them, each way.

    Attributes:
        utilisation: share of the peak that a training is assumed to reach; an assumption where it was not measured.
    """

    name: str
    memory_gb: float = Field(gt=0, description="of one processor as its driver counts it, 1e9 bytes")
    peak_tflops: dict[Precision, float] = Field(description="dense matrix products, 1e12 operations a second")
    intra_gb_s: float = Field(gt=0, description="from one processor to the others of its machine, 1e9 bytes a second")
    inter_gb_s: float = Field(gt=0, description="from one machine to the others, 1e9 bytes a second")
    utilisation: float = Field(default=0.4, gt=0, le=1)
    price_per_hour: float | None = Field(
        default=None, ge=0, description="of one processor, in whatever currency; no money is planned when unset"
    )
    shares_host_memory: bool = Field(default=False, description="a processor whose memory is the host's")
    device_names: tuple[str, ...] = Field(default=(), description="what CUDA calls processors of this speed")
    board_power_w: float | None = Field(default=None, gt=0, description="the most one takes, of a GPU with its board")


def _gpu(
    name: str,
    memory_gb: float,
    half: float,
    single: float,
    intra_gb_s: float,
    inter_gb_s: float,
    board_power_w: float,
    *device_names: str,
) -> Hardware:
    peak: dict[Precision, float] = {"fp16": half, "bf16": half, "fp32": single}
    return Hardware(
        name=name,
        memory_gb=memory_gb,
        peak_tflops=peak,
        intra_gb_s=intra_gb_s,
        inter_gb_s=inter_gb_s,
        board_power_w=board_power_w,
        device_names=device_names,
    )


_PRESETS = (
    # The demo's machine. Its peaks are measured matrix products, 0.215 and 0.1 a core; the share is what the demo's
    # prior reached, whose products are small.
    Hardware(
        name="cpu-2-cores",
        memory_gb=8,
        peak_tflops={"bf16": 0.43, "fp32": 0.2, "fp16": 0.2},
        intra_gb_s=10,
        inter_gb_s=1,
        utilisation=0.35,
        shares_host_memory=True,
    ),
    _gpu("rtx-4090-24gb", 25.7, 165, 82.6, 32, 1.25, 450, "NVIDIA GeForce RTX 4090"),
    # The paper's (2.5). It has no bf16. The paper does not say how fast its network was: 100 Gbit/s a machine.
    Hardware(
        name="v100-16gb",
        memory_gb=16.9,
        peak_tflops={"fp16": 125, "fp32": 15.7},
        intra_gb_s=150,
        inter_gb_s=12.5,
        utilisation=0.3,
        board_power_w=300,
        device_names=("Tesla V100-SXM2-16GB", "Tesla V100-SXM2-32GB"),
    ),
    _gpu("a100-80gb", 85.9, 312, 19.5, 300, 200, 400, "NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-40GB"),
    _gpu("h100-80gb", 85.5, 989, 67, 450, 400, 700, "NVIDIA H100 80GB HBM3"),
    _gpu("h200-141gb", 150.7, 989, 67, 450, 400, 700, "NVIDIA H200"),
)
PRESETS: dict[str, Hardware] = {each.name: each for each in _PRESETS}


def peak_of_device(device_name: str, precision: Precision) -> float | None:
    """Operations a second of dense matrix products at most, of one processor; None if it is not known."""
    for hardware in PRESETS.values():
        if device_name in hardware.device_names and precision in hardware.peak_tflops:
            return 1e12 * hardware.peak_tflops[precision]
    return None


def board_power_of_device(device_name: str) -> float | None:
    """Watts that one GPU takes at most, as its maker states it; None if it is not known."""
    return next((hardware.board_power_w for hardware in PRESETS.values() if device_name in hardware.device_names), None)
