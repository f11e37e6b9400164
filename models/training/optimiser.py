"""AdamW with decay on matrices only, its state as flat tensors, and the EMA of the weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.training.config import TrainingConfig
from models.training.muon import Matrix, Muon
from models.training.schedules import ema_decay_at


def optimisers(model: nn.Module, config: TrainingConfig, matrices: Sequence[Matrix]) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for `matrices` and AdamW for the rest when the config has a rate for Muon.

    A parameter group's "share" is the ratio of its learning rate to the scheduled one.
    """
    if config.muon_learning_rate is None or not matrices:
        return [adamw(list(model.parameters()), _embeddings(model), config)]
    own = {id(matrix.weight) for matrix in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in own]
    muon = Muon(matrices, config.muon_learning_rate, config.weight_decay)
    muon.param_groups[0]["share"] = config.muon_learning_rate / config.learning_rate
    return [adamw(rest, _embeddings(model), config), muon]


def adamw(parameters: list[nn.Parameter], embeddings: set[int], config: TrainingConfig) -> torch.optim.AdamW:
    """Fused AdamW; biases, gains and embeddings (by id) do not decay (unstated in the paper, see B.2)."""
    decayed = [p for p in parameters if p.ndim >= 2 and id(p) not in embeddings]
    exempt = [p for p in parameters if p.ndim < 2 or id(p) in embeddings]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": exempt, "weight_decay": 0.0}],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=True,
    )


def _embeddings(model: nn.Module) -> set[int]:
    return {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}


def set_learning_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give every group its share of the scheduled learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate * group.get("share", 1.0)


def optimiser_tensors(optimisers: Sequence[torch.optim.Optimizer], model: nn.Module) -> dict[str, Tensor]:
    """The optimisers' state as flat tensors named `parameter/key`; a parameter belongs to one of them."""
    return {
        f"{name}/{key}": torch.as_tensor(value)
        for optimiser in optimisers
        for name, parameter in model.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def restore_optimisers(
    optimisers: Sequence[torch.optim.Optimizer], model: nn.Module, tensors: dict[str, Tensor]
) -> None:
    """Load the state that `optimiser_tensors` returned."""
    parameters = dict(model.named_parameters())
    owners = {id(p): o for o in optimisers for group in o.param_groups for p in group["params"]}
    for flat, tensor in tensors.items():
        name, key = flat.rsplit("/", 1)
        parameter = parameters[name]
        placed = tensor.to(parameter.device).contiguous()
        if placed.shape == parameter.shape:
            placed = torch.empty_like(parameter).copy_(placed)  # keeps the parameter's memory format
        owners[id(parameter)].state[parameter][key] = placed


class EMA:
    """Exponential moving average (EMA) of a model's floating-point state (paper A.2, B.2)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int, finite: Tensor) -> None:
        """Move the EMA towards the weights after update `step`, unless `finite`, a scalar, is false."""
        weight = (1.0 - ema_decay_at(self.decay, step)) * finite
        state = model.state_dict()
        floating = [name for name, tensor in self.tensors.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [self.tensors[name] for name in floating], [state[name] for name in floating], [weight] * len(floating)
        )
        for name in self.tensors.keys() - set(floating):
            self.tensors[name].copy_(state[name])
