"""For what each recipe is meant, and so planned: hardware, how training is spread over it, and how many pairs."""

from pydantic import Field

from models.config import Frozen
from models.planning.parallel import Parallel


class Scale(Frozen):
    """What a plan needs beside the config.

    Attributes:
        hardware: name of a preset of `models.planning.hardware`.
    """

    hardware: str
    parallel: Parallel = Parallel()
    pairs: int = Field(gt=0, description="pairs that are packed, about")
    image_kb: float = Field(gt=0, description="of an image as it is stored, 1e3 bytes, about")


_LAPTOP = Scale(hardware="cpu-2-cores", pairs=6_453, image_kb=4)
_EIGHT_GPUS = Parallel(mode="ddp", gpus_per_machine=8)
_FOUR_MACHINES = Parallel(mode="hsdp", machines=4, gpus_per_machine=8)


def _paper(rank: int) -> Scale:
    """128 machines of 8 GPUs, and PowerSGD of this rank between them (2.5, table 1); 250 million pairs (2.3)."""
    parallel = Parallel(mode="hsdp", machines=128, gpus_per_machine=8, compression_rank=rank, state="paper")
    return Scale(hardware="v100-16gb", parallel=parallel, pairs=250_000_000, image_kb=80)


# Pairs of CC3M and CC12M: what their lists name, of which some addresses are gone by now.
SCALES: dict[str, Scale] = {
    "demo": _LAPTOP,
    "ablation": _LAPTOP,
    "gallery": Scale(hardware="cpu-2-cores", pairs=8_000, image_kb=4),
    "emoji": Scale(hardware="cpu-2-cores", pairs=6_000, image_kb=4),
    "smoke": Scale(hardware="cpu-2-cores", pairs=200, image_kb=4),
    "folder": Scale(hardware="rtx-4090-24gb", pairs=5_000, image_kb=25),
    "cc3m": Scale(hardware="a100-80gb", parallel=_EIGHT_GPUS, pairs=3_318_333, image_kb=80),
    "cc12m": Scale(hardware="a100-80gb", parallel=_FOUR_MACHINES, pairs=12_423_374, image_kb=80),
    "paper-2.8b": _paper(512),
    "paper-5.6b": _paper(640),
    "paper-12b": _paper(896),
}


def spread(
    scale: Scale, machines: int | None = None, gpus: int | None = None, mode: str | None = None, rank: int | None = None
) -> Scale:
    """The scale with another layout of ranks; what is None stays, and a rank of 0 is none.

    Without a mode, one process is `single`, and several that were one become `ddp`.

    Raises:
        ValidationError: the layout is not possible.
    """
    old = scale.parallel
    asked = {"machines": machines, "gpus_per_machine": gpus, "mode": mode, "compression_rank": rank or None}
    given = old.model_dump() | {name: value for name, value in asked.items() if value is not None}
    if rank == 0:
        given["compression_rank"] = None
    if mode is None:
        ranks = given["machines"] * given["gpus_per_machine"]
        given["mode"] = "single" if ranks == 1 else "ddp" if old.mode == "single" else old.mode
    return scale.model_copy(update={"parallel": Parallel.model_validate(given)})
