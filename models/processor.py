"""What this machine's processor can do, and its threads. Imports no torch: configs are made with it too."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
# Environment for torch's threads, before torch is loaded: those that busy-wait are several times slower where cores are
# shared, and those that sleep at once are slower where they are not.
WAITING_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000"}


def computes_bf16() -> bool:
    """Whether the processor computes in bfloat16; one that has to emulate it is many times slower than in fp32."""
    flags = CPU_INFO.read_text(errors="replace").split() if CPU_INFO.exists() else []
    return not BF16_FLAGS.isdisjoint(flags)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Lets torch compute with so many threads, this one among them, and as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
