"""The plan of a dVAE's training. Imports no torch."""

from models.config import Frozen
from models.dvae.config import DVAEModelConfig, DVAETrainingConfig
from models.planning.convolutions import convolutions, training_flops
from models.planning.hardware import Hardware
from models.planning.parallel import Parallel
from models.planning.training_plan import peak_tflops

_FP32 = 4


class DVAEPlan(Frozen):
    """What the training of a dVAE needs; it is replicated on every rank.

    Attributes:
        state_bytes: on each rank: weights, gradients, Adam's moments, the EMA, and DDP's copy of the gradients. What a
            step's activations need is not planned.
        flops_per_step: forward, and twice that for the gradients.
    """

    parameters: int
    state_bytes: int
    flops_per_image: int
    flops_per_step: int
    flops: float
    hours: float


def plan_dvae(model: DVAEModelConfig, training: DVAETrainingConfig, parallel: Parallel, hardware: Hardware) -> DVAEPlan:
    """Plan the training of a dVAE on all ranks, as replicas.

    Raises:
        ValueError: the hardware does not compute in the precision.
    """
    layers = convolutions(model)
    parameters = sum(layer.parameters for layer in layers)
    copies = 4 + int(training.ema_decay is not None) + int(parallel.ranks > 1)
    per_image = training_flops(model)
    per_step = training.batch_size * per_image
    rate = (
        1e12
        * peak_tflops(hardware, training.precision)
        * hardware.utilisation
        * min(parallel.ranks, training.batch_size)
    )
    return DVAEPlan(
        parameters=parameters,
        state_bytes=_FP32 * copies * parameters,
        flops_per_image=per_image,
        flops_per_step=per_step,
        flops=float(per_step) * training.steps,
        hours=per_step * training.steps / rate / 3600,
    )
