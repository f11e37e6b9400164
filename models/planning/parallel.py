"""How a training is spread over processors, and in which formats it keeps its state. Imports no torch."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models.config import Frozen

Mode = Literal["single", "ddp", "fsdp", "hsdp"]


class Formats(Frozen):
    """Bytes of each number that a training keeps, for the matrices of the blocks; all else is fp32 in any case.

    Adam's moments and error buffers are not among them: `PriorTrainingConfig.moments` says how they are kept.
    """

    weight: int = 4
    gradient: int = 4
    factor: int = 4
    reduced: int = 4


TRAINER = Formats()  # fp32 throughout, and half precision where products are computed
# fp16 weights, and factors in a 16-bit format of the paper's own. A gradient is added to the error buffer where it
# arises, so it has no memory of its own (3.1, E.2).
PAPER = Formats(weight=2, gradient=0, factor=2, reduced=2)
FORMATS: dict[str, Formats] = {"fp32": TRAINER, "paper": PAPER}


class Parallel(Frozen):
    """Ranks, and what each of them holds.

    Modes: `single` process; `ddp`, a replica on every rank; `fsdp`, weights and their state sharded over all ranks;
    `hsdp`, sharded over the ranks of a machine, and machines are replicas (2.5).
    """

    mode: Mode = "single"
    machines: int = Field(default=1, ge=1)
    gpus_per_machine: int = Field(default=1, ge=1)
    compression_rank: int | None = Field(
        default=None, gt=0, description="PowerSGD's, over all ranks of a machine: 896 for the paper's 12 B (table 1)"
    )
    state: Literal["fp32", "paper"] = Field(
        default="fp32", description="formats of weights, gradients and factors: fp32, or the paper's 16-bit ones"
    )

    @property
    def ranks(self) -> int:
        """Processes, one for each GPU."""
        return self.machines * self.gpus_per_machine

    @property
    def shards(self) -> int:
        """Parts into which each weight is cut."""
        return {"single": 1, "ddp": 1, "fsdp": self.ranks, "hsdp": self.gpus_per_machine}[self.mode]

    @property
    def formats(self) -> Formats:
        """Bytes of the numbers that are kept."""
        return FORMATS[self.state]

    def not_run_today(self) -> list[str]:
        """What of this the trainer and its launcher do not do yet, each as a part of a sentence."""
        return ["the paper's 16-bit weights and gradients"] if self.state != "fp32" else []

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode == "single" and self.ranks > 1:
            raise ValueError(f"mode single has one rank, not {self.ranks}: choose ddp, fsdp or hsdp")
        if self.compression_rank is not None:
            if self.mode != "hsdp":
                raise ValueError("compression_rank is for mode hsdp: gradients are compressed between its machines")
            if self.compression_rank % self.gpus_per_machine:
                raise ValueError(
                    f"compression_rank {self.compression_rank} does not divide over {self.gpus_per_machine} ranks"
                )
        return self
