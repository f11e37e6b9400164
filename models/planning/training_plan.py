"""The plan of a training: what it needs on given hardware, from its configuration alone. Imports no torch."""

from typing import Literal

from models.config import Frozen
from models.planning.activations import FP32
from models.planning.compression import compression_rate
from models.planning.hardware import Hardware
from models.planning.memory import Memory, memory_per_rank
from models.planning.operations import hardware_flops, model_flops
from models.planning.parallel import Parallel
from models.planning.traffic import Traffic, traffic
from models.planning.weights import prior_weights
from models.prior.config import PriorModelConfig, PriorTrainingConfig

Bound = Literal["compute", "links in a machine", "links between machines"]
_CHECKPOINTS_BESIDE = 2  # the best one by validation, and the one that is being written


class PriorPlan(Frozen):
    """What the training of a prior needs.

    Attributes:
        parameters: of the whole model.
        block_matrices: those of them in matrices of the blocks, which the paper counts as its 12 billion.
        compression: share of the matrices' gradients that is not sent between machines; None without compression.
        flops_per_token: of a training example, divided by its positions; recomputed activations are not counted.
        flops_per_step: as computed: with recomputed activations, and attention in whole windows.
        checkpoint_bytes: of one resumable checkpoint.
        checkpoints_bytes: of all that are on the disk at once.
        bound_by: what a step waits for, if transfers and computation overlap wholly.
    """

    parameters: int
    block_matrices: int
    memory: Memory
    compression: float | None
    flops_per_token: int
    flops_per_step: int
    flops: float
    traffic: Traffic
    checkpoint_bytes: int
    checkpoints_bytes: int
    examples: int
    step_seconds: float
    bound_by: Bound
    hours: float

    @property
    def half_bytes(self) -> int:
        """Of the blocks' matrices in 16 bits: the paper's 24 GB (2.5)."""
        return 2 * self.block_matrices


def plan_prior(
    model: PriorModelConfig, training: PriorTrainingConfig, parallel: Parallel, hardware: Hardware
) -> PriorPlan:
    """Plan the training of a prior.

    Raises:
        ValueError: the batch does not divide over the ranks, or the hardware does not compute in the precision.
    """
    weights = prior_weights(model)
    memory = memory_per_rank(model, weights, training, parallel, hardware.shares_host_memory)
    number_bytes = FP32 if training.precision == "fp32" else 2
    sent = traffic(weights, parallel, number_bytes, training.accumulate)
    per_step = training.batch_size * hardware_flops(model, training.activation_checkpointing)
    rate = 1e12 * peak_tflops(hardware, training.precision) * hardware.utilisation * parallel.ranks
    waits: dict[Bound, float] = {
        "compute": per_step / rate,
        "links in a machine": sent.in_machine / (1e9 * hardware.intra_gb_s),
        "links between machines": sent.between_machines / (1e9 * hardware.inter_gb_s),
    }
    bound_by = max(waits, key=lambda name: waits[name])
    whole = sum(w.size for w in weights)
    matrices = sum(w.size for w in weights if w.is_matrix_of_a_block)
    compressed, checkpoint = parallel.compression_rank, _checkpoint_bytes(memory, parallel, training)
    return PriorPlan(
        parameters=whole,
        block_matrices=matrices,
        memory=memory,
        compression=compression_rate(weights, compressed, parallel.gpus_per_machine) if compressed else None,
        flops_per_token=model_flops(model) // model.length,
        flops_per_step=per_step,
        flops=float(per_step) * training.steps,
        traffic=sent,
        checkpoint_bytes=checkpoint,
        checkpoints_bytes=checkpoint * (training.keep_checkpoints + _CHECKPOINTS_BESIDE),
        examples=training.batch_size * training.steps,
        step_seconds=waits[bound_by],
        bound_by=bound_by,
        hours=waits[bound_by] * training.steps / 3600,
    )


def peak_tflops(hardware: Hardware, precision: str) -> float:
    """The hardware's peak in a precision.

    Raises:
        ValueError: it does not compute in it.
    """
    found = {str(name): value for name, value in hardware.peak_tflops.items()}
    if precision not in found:
        raise ValueError(f"{hardware.name} does not compute in {precision}, but in {', '.join(found)}")
    return found[precision]


def _checkpoint_bytes(memory: Memory, parallel: Parallel, training: PriorTrainingConfig) -> int:
    """Of weights, optimiser, EMA, and the sums of the error buffers over the machines (4.3), of all shards."""
    ema = memory.ema or (memory.host // 2 if training.ema_decay is not None else 0)
    return parallel.shards * (memory.weights + memory.optimiser + ema + memory.error_buffers)
