"""Memory that each rank of a training of the prior needs, by what it holds. Imports no torch."""

from models.config import Frozen
from models.planning.activations import FP32, StepShape, most_bytes
from models.planning.compression import factor_numbers
from models.planning.parallel import Parallel
from models.planning.weights import Weight
from models.prior.config import PriorModelConfig, PriorTrainingConfig

# Bytes of what is kept of a number in a matrix of the blocks, by `PriorTrainingConfig.moments`.
_MOMENTS = {"fp32": 2 * FP32, "paper": 2 * 2}  # Adam's two
_ERROR_BUFFER = {"fp32": FP32, "paper": 2}
_MUON_AT_A_TIME = 32  # `models.training.muon`: matrices whose updates are made at once
_MUON_COPIES = 3  # of these: as a stack, normed, and their products


class Memory(Frozen):
    """Bytes on one rank, of tensors: an allocator needs some per cent more, and CUDA itself about half a gigabyte.

    Attributes:
        error_buffers: of PowerSGD, with its factors.
        communication: copies of gradients in DDP's buckets; or blocks gathered from other ranks and their gradients.
        activations: what a step needs beside all the others when it needs most.
        host: an EMA in the host's memory, with the copy it is moved towards.
    """

    weights: int
    gradients: int
    optimiser: int
    ema: int
    error_buffers: int
    communication: int
    activations: int
    host: int

    @property
    def total(self) -> int:
        """On the device, at most."""
        device = (self.weights, self.gradients, self.optimiser, self.ema, self.error_buffers)
        return sum(device) + self.communication + self.activations


def memory_per_rank(
    model: PriorModelConfig,
    weights: list[Weight],
    training: PriorTrainingConfig,
    parallel: Parallel,
    shares_host_memory: bool = False,
) -> Memory:
    """What a rank holds while it trains.

    Args:
        shares_host_memory: the device's memory is the host's, so that an EMA there counts as the device's.
    """
    f, shards = parallel.formats, parallel.shards
    matrices = sum(w.shard_size(shards) for w in weights if w.is_matrix_of_a_block)
    others = sum(w.shard_size(shards) for w in weights if not w.is_matrix_of_a_block)
    outside = FP32 * sum(w.shard_size(shards) for w in weights if w.layer is None)
    muon = training.muon_learning_rate is not None
    gradients = f.gradient * matrices + FP32 * others
    compressed = parallel.compression_rank
    factors = factor_numbers(weights, compressed, parallel.gpus_per_machine) if compressed else 0
    ema = FP32 * (matrices + others) if training.ema_decay is not None else 0
    in_host = training.ema_every > 1
    shape = step_shape(model, training, parallel)
    step = most_bytes(shape, weights, gradients, outside) - gradients
    return Memory(
        weights=f.weight * matrices + FP32 * others,
        gradients=gradients,
        optimiser=(FP32 if muon else _MOMENTS[training.moments]) * matrices + 2 * FP32 * others,
        ema=ema if not in_host or shares_host_memory else 0,
        error_buffers=round(_ERROR_BUFFER[training.moments] * matrices + f.factor * factors) if compressed else 0,
        communication=_communication(weights, shape, parallel),
        activations=max(step, _update_bytes(weights, muon)),
        host=2 * ema if in_host and not shares_host_memory else 0,
    )


def step_shape(model: PriorModelConfig, training: PriorTrainingConfig, parallel: Parallel) -> StepShape:
    """What decides a rank's activations.

    Raises:
        ValueError: the batch does not divide over the ranks.
    """
    parts = parallel.ranks * training.accumulate
    if training.batch_size % parts:
        raise ValueError(
            f"a batch of {training.batch_size} does not divide over {parallel.ranks} ranks"
            + (f" of {training.accumulate} parts each" if training.accumulate > 1 else "")
        )
    half = training.precision != "fp32"
    gathered = parallel.shards > 1 or parallel.state == "paper"  # then weights are in half precision already
    return StepShape(
        model=model,
        rows=training.batch_size // parts,
        number_bytes=2 if half else FP32,
        casts_weights=half and not gathered,
        checkpointing=training.activation_checkpointing,
    )


def _communication(weights: list[Weight], shape: StepShape, parallel: Parallel) -> int:
    if parallel.mode == "single":
        return 0
    if parallel.mode == "ddp":
        return FP32 * sum(w.size for w in weights)  # DDP's buckets hold a copy of all gradients
    outside = sum(w.size for w in weights if w.layer is None)
    if parallel.state == "paper":
        # Residual blocks one by one: two of them gathered, and the gradients of one; foreign shards are dropped at
        # once, of what is outside the blocks too, whose larger half are embeddings or heads (2.5, figure 5).
        mlp = sum(w.size for w in weights if w.layer == 0 and "mlp" in w.name)
        return FP32 * outside // 2 + 3 * shape.number_bytes * mlp
    block = sum(w.size for w in weights if w.layer == 0)
    # All outside the blocks, for the whole step; a block, the next block's parts as they arrive, and its gradients,
    # with their sum before it is cut. Fewer are held at most moments: a dry run of FSDP2 stays below this.
    return FP32 * outside + block * (3 * shape.number_bytes + parallel.formats.reduced)


def _update_bytes(weights: list[Weight], muon: bool) -> int:
    """Copies that the optimiser makes, when a step's activations are gone."""
    if not muon:
        return 2 * FP32 * max(w.size for w in weights)  # the clipped second moment of one weight
    matrices = [w.size // w.parts for w in weights if w.is_matrix_of_a_block for _ in range(w.parts)]
    at_once = sum(sorted(matrices)[-_MUON_AT_A_TIME:])
    return FP32 * (sum(matrices) + _MUON_COPIES * at_once)
