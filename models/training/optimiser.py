"""AdamW with decay on matrices only, its state as flat tensors, and the running average of the weights."""

import torch
from torch import Tensor, nn

from models.training.config import TrainingConfig
from models.training.schedules import averaging_decay


def adamw(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Fused AdamW; biases, gains and embeddings do not decay (unstated in the paper, see B.2)."""
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [p for p in parameters if p.ndim >= 2 and id(p) not in embeddings]
    exempt = [p for p in parameters if p.ndim < 2 or id(p) in embeddings]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": exempt, "weight_decay": 0.0}],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=True,
    )


def optimiser_tensors(optimiser: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimiser's state as flat tensors named `parameter/key`."""
    return {
        f"{name}/{key}": torch.as_tensor(value)
        for name, parameter in model.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Undo `optimiser_tensors`."""
    parameters = dict(model.named_parameters())
    for flat, tensor in tensors.items():
        name, key = flat.rsplit("/", 1)
        parameter = parameters[name]
        placed = tensor.to(parameter.device).contiguous()
        if placed.shape == parameter.shape:
            placed = torch.empty_like(parameter).copy_(placed)  # keeps the parameter's memory format
        optimiser.state[parameter][key] = placed


class WeightAverage:
    """Exponential running average of a model's floating-point state (paper A.2, B.2)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards the weights after update `step`."""
        weight = 1.0 - averaging_decay(self.decay, step)
        state = model.state_dict()
        floating = [name for name, tensor in self.tensors.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.tensors[name] for name in floating], [state[name] for name in floating], weight)
        for name in self.tensors.keys() - set(floating):
            self.tensors[name].copy_(state[name])
