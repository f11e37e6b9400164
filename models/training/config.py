"""Settings that the trainers share."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from models.config import Frozen

Precision = Literal["fp32", "bf16", "fp16"]
ShardingMode = Literal["ddp", "fsdp", "hsdp"]


class Sharding(Frozen):
    """How the ranks of a training hold its model: changes no result, so it is no part of the `TrainingConfig`.

    Modes: `ddp`, all of it on every rank; `fsdp`, cut over all ranks; `hsdp`, cut over the ranks of a machine, and
    machines are replicas (paper 2.5). One rank holds all of it in any case.
    """

    mode: ShardingMode = "ddp"
    shard_ranks: int | None = Field(
        default=None, gt=0, description="ranks over which mode hsdp cuts the weights; those of a machine when unset"
    )

    @model_validator(mode="after")
    def _only_hsdp_has_groups(self) -> Self:
        if self.shard_ranks is not None and self.mode != "hsdp":
            raise ValueError(f"shard_ranks is for mode hsdp: mode {self.mode} has one group of all ranks")
        return self


class TrainingConfig(Frozen):
    """Optimiser, schedule, precision and bookkeeping of one training run.

    The defaults suit small runs on a CPU; each trainer's subclass adds what only it needs.
    """

    steps: int = Field(default=1000, gt=0, description="optimiser updates")
    batch_size: int = Field(default=32, gt=0, description="examples per update, over all ranks")
    accumulate: int = Field(
        default=1, gt=0, description="parts of a rank's share of the batch, one after the other, for less memory"
    )
    window: int = Field(
        default=16, gt=0, description="row groups of 256 rows among which rows are shuffled, and which memory holds"
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="peak, after warm-up")
    final_learning_rate: float = Field(default=1e-5, ge=0, description="at the end of the cosine ramp or all halvings")
    warmup_steps: int = Field(default=100, ge=0, description="updates of linear warm-up, counted within decay_steps")
    schedule: Literal["cosine", "plateau"] = Field(
        default="cosine",
        description="after the warm-up: half a cosine, or half of the rate at every plateau of the training loss",
    )
    decay_steps: int | None = Field(default=None, description="length of the cosine ramp; all steps when unset")
    plateau_steps: int = Field(
        default=10_000, gt=0, description="updates of a window; the logged losses of two in turn tell a plateau"
    )
    plateau_improvement: float = Field(
        default=1e-3, ge=0, lt=1, description="share of its mean loss by which a window must be below the one before"
    )
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(
        default=0.96, ge=0, lt=1, description="0.96 for the prior (paper B.2), 0.999 for the dVAE (A.2)"
    )
    eps: float = Field(default=1e-8, gt=0)
    muon_learning_rate: float | None = Field(
        default=None,
        gt=0,
        description="train the transformer's matrices by Muon with this peak rate; the paper has AdamW for all",
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="decoupled: multiplied by the learning rate; gains and biases are exempt"
    )
    decay_embeddings: bool = Field(default=False, description="embeddings decay too")
    clip_norm: float | None = Field(default=1.0, gt=0, description="bound on the global gradient norm")
    clip_second_moment: float | None = Field(
        default=None, gt=0, description="bound on each of AdamW's running estimates of a squared gradient"
    )
    ema_decay: float | None = Field(
        default=0.999, ge=0, lt=1, description="decay of the EMA of the weights at each of its moves"
    )
    ema_every: int = Field(
        default=1,
        gt=0,
        description="updates between two moves of the EMA; if more than one, it is in the host's memory, not a GPU's",
    )
    precision: Precision = Field(
        default="fp32",
        description="of the trunk: fp32, or bf16 or fp16 autocast, fp16 with a dynamic loss scale; logits are in fp32",
    )
    compression_rank: int | None = Field(
        default=None,
        gt=0,
        description="send gradients between machines by PowerSGD of this rank, over all shards of a matrix; the "
        "paper's 12 B has 896 (table 1); for sharding mode hsdp only",
    )
    compression_shards: int = Field(
        default=8,
        gt=0,
        description="parts of a matrix that are compressed each by itself (4.2); a multiple of the ranks of a machine",
    )
    tf32: bool = Field(default=False, description="let a GPU round the factors of fp32 products to 10 bits")
    stop_after_non_finite: int = Field(
        default=10, gt=0, description="stop after this many updates in a row skipped for gradients that are not finite"
    )
    threads: int | None = Field(default=None, gt=0, description="torch threads per rank; all cores shared when unset")
    seed: int = Field(default=0, ge=0)
    log_every: int = Field(default=20, gt=0, description="steps between two lines of metrics.jsonl")
    validate_every: int | None = Field(
        default=None, gt=0, description="steps between validations; only at the end when unset"
    )
    checkpoint_seconds: float = Field(
        default=60.0,
        gt=0,
        description="seconds between two resumable checkpoints; more if they would take over 2 % of the time",
    )
    hang_seconds: float | None = Field(
        default=480.0,
        gt=0,
        description="end the run with the stacks of all ranks when no step has ended for so long; unset: never",
    )  # before NCCL's own limit of ten minutes, which names no step
    checkpoint_every: int | None = Field(default=None, gt=0, description="steps between two resumable checkpoints")
    keep_checkpoints: int = Field(
        default=2, gt=0, description="newest checkpoints to keep while training; the best by validation stays too"
    )

    @property
    def ramp_steps(self) -> int:
        """Steps over which the learning rate falls."""
        return self.decay_steps or self.steps

    @model_validator(mode="after")
    def _parts_are_equal(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} does not divide into accumulate = {self.accumulate} parts")
        return self

    @model_validator(mode="after")
    def _rank_divides(self) -> Self:
        rank, shards = self.compression_rank, self.compression_shards
        if rank is not None and rank % shards:
            raise ValueError(f"compression_rank {rank} does not divide over compression_shards = {shards}")
        return self

    @model_validator(mode="after")
    def _warmup_fits(self) -> Self:
        if self.warmup_steps >= self.ramp_steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) must be smaller than the ramp ({self.ramp_steps})")
        return self

    @model_validator(mode="after")
    def _rate_falls(self) -> Self:
        if self.schedule == "plateau" and self.final_learning_rate > self.learning_rate:
            raise ValueError(f"final_learning_rate {self.final_learning_rate} is above {self.learning_rate}, the peak")
        return self

    @model_validator(mode="after")
    def _ema_moves(self) -> Self:
        if self.ema_decay is not None and self.ema_every > self.steps:
            raise ValueError(f"ema_every ({self.ema_every}) is more than all {self.steps} steps")
        return self

    @model_validator(mode="after")
    def _second_moment_is_exact(self) -> Self:
        """How it is clipped is exact to 1e-5 as long as no squared gradient is far above the bound."""
        if self.clip_second_moment is not None:
            most = 10 * math.sqrt(self.clip_second_moment)
            if self.clip_norm is None or self.clip_norm > most or self.beta2 < 0.1:
                raise ValueError(f"clip_second_moment needs a clip_norm of at most {most:.3g} and a beta2 from 0.1 on")
        return self


class TokenizerTrainingConfig(TrainingConfig):
    """What the trainers of all image tokenizers share."""

    augment: bool = Field(default=True, description="random crops and flips (listing 1), else the centred square")
    validation_images: int = Field(default=2048, gt=0, description="at most this many images per validation figure")


class ImageShards(Frozen):
    """URIs of packed Parquet shards (pair_id, caption, image) or, for the prior, of token shards."""

    train: tuple[str, ...] = Field(min_length=1)
    val: tuple[str, ...] = ()
    cache_mb: int = Field(default=512, ge=0, description="bound on decoded images kept in memory, MiB")
    workers: int | None = Field(
        default=None,
        ge=0,
        description="processes per rank that make batches, 0: a thread; if unset, none on a CPU, and as many as the "
        "rank has cores to spare for a GPU, up to 8",
    )


class TextImageShards(ImageShards):
    """Shards together with the path of the tokenizer.json that reads their captions."""

    bpe: str
