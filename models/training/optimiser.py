"""AdamW with decay on matrices only, and the optimisers' state as flat tensors."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw as fused_adamw

from models.training.config import TrainingConfig
from models.training.distributed import on_this_rank
from models.training.muon import Matrix, Muon
from models.training.sixteen_bits import MEAN, VARIANCE


def optimisers(
    model: nn.Module, config: TrainingConfig, matrices: Sequence[Matrix], in_sixteen_bits: Sequence[Matrix] = ()
) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for `matrices` and AdamW for the rest when the config has a rate for Muon.

    A parameter group's "share" is the ratio of its learning rate to the scheduled one.

    Args:
        in_sixteen_bits: weights whose moments AdamW keeps in the paper's formats of 16 bits.
    """
    exempt = set() if config.decay_embeddings else _embeddings(model)
    if in_sixteen_bits:
        narrow = [matrix.weight for matrix in in_sixteen_bits]
        own = {id(weight) for weight in narrow}
        rest = [parameter for parameter in model.parameters() if id(parameter) not in own]
        return [adamw(rest, exempt, config), SixteenBitAdamW(narrow, config)]
    if config.muon_learning_rate is None or not matrices:
        return [adamw(list(model.parameters()), exempt, config)]
    own = {id(matrix.weight) for matrix in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in own]
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    muon = Muon(matrices, config.muon_learning_rate, config.weight_decay, dtype=dtype)
    muon.param_groups[0]["share"] = config.muon_learning_rate / config.learning_rate
    return [adamw(rest, exempt, config), muon]


def adamw(parameters: list[nn.Parameter], exempt: set[int], config: TrainingConfig) -> torch.optim.AdamW:
    """Fused AdamW; biases, gains and the parameters `exempt` (by id) do not decay (unstated in the paper, see B.2)."""
    decayed = [p for p in parameters if p.ndim >= 2 and id(p) not in exempt]
    others = [p for p in parameters if p.ndim < 2 or id(p) in exempt]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    settings: dict[str, Any] = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2), "eps": config.eps}
    if config.clip_second_moment is None:
        return torch.optim.AdamW(groups, **settings, fused=True)
    return ClippedAdamW(groups, config.clip_second_moment, **settings)


class ClippedAdamW(torch.optim.AdamW):
    """AdamW whose running estimate of the squared gradient is at most `limit` (B.2).

    The estimate v = b v' + (1 - b) g^2 is clipped before it enters the update and the next estimate; it is the running
    one, not yet corrected for its bias. The fused step has no such place between its two halves. So v' is lowered
    beforehand to (limit - (1 - b) g^2) / b where it is above that, and then v comes out as the limit, but for rounding.
    """

    def __init__(self, groups: list[dict[str, Any]], limit: float, **settings: Any) -> None:
        super().__init__(groups, **settings, fused=True)
        self.found_inf: Tensor | None = None
        self._limit = limit
        for parameter in self._parameters():  # as the fused step does at first, when it is too late to clip
            moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            self.state[parameter] = {"step": torch.zeros((), device=parameter.device)} | moments

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all parameters, unless `found_inf` is 1."""
        beta = self.param_groups[0]["betas"][1]
        for parameter in self._parameters():
            if parameter.grad is not None:
                previous = on_this_rank(self.state[parameter]["exp_avg_sq"])
                _lower(previous, on_this_rank(parameter.grad), self._limit, beta, self.found_inf)
        super().step(closure)

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]


class SixteenBitAdamW(torch.optim.Optimizer):
    """AdamW whose moments are kept in the paper's formats of 16 bits (B.2); all weights decay.

    They are fp32 while a weight is updated, one weight after the other.

    Attributes:
        found_inf: a scalar; where it is 1, `step` changes nothing. The fused AdamW has the same.
    """

    def __init__(self, weights: Sequence[Tensor], config: TrainingConfig) -> None:
        super().__init__(weights, {"lr": config.learning_rate})
        self.found_inf: Tensor | None = None
        self._config = config
        for weight in weights:
            codes = {name: torch.zeros_like(weight, dtype=torch.int16) for name in ("exp_avg", "exp_avg_sq")}
            self.state[weight] = {"step": torch.zeros((), device=weight.device)} | codes

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all weights, unless `found_inf` is 1."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, on_this_rank(weight.grad), group["lr"])

    def _update(self, weight: Tensor, gradient: Tensor, learning_rate: float) -> None:
        c, state = self._config, self.state[weight]
        means, variances = on_this_rank(state["exp_avg"]), on_this_rank(state["exp_avg_sq"])
        mean, variance = MEAN.decode(means), VARIANCE.decode(variances)
        if c.clip_second_moment is not None:
            _lower(variance, gradient, c.clip_second_moment, c.beta2, self.found_inf)
        fused_adamw(
            [on_this_rank(weight)],
            [gradient],
            [mean],
            [variance],
            [],
            [state["step"]],
            fused=True,
            found_inf=self.found_inf,
            amsgrad=False,
            beta1=c.beta1,
            beta2=c.beta2,
            lr=learning_rate,
            weight_decay=c.weight_decay,
            eps=c.eps,
            maximize=False,
        )
        means.copy_(MEAN.encode(mean))  # the same codes if the update is skipped
        variances.copy_(VARIANCE.encode(variance))


def _lower(previous: Tensor, gradient: Tensor, limit: float, beta: float, found_inf: Tensor | None) -> None:
    """Lower an estimate of the squared gradient, so that AdamW's next one is at most `limit`: see `ClippedAdamW`."""
    most = torch.full((), limit / beta, device=previous.device)
    if found_inf is not None:  # nothing is above infinity
        most.masked_fill_(found_inf > 0, math.inf)
    most = torch.addcmul(most, gradient, gradient, value=-(1.0 - beta) / beta)
    most.nan_to_num_(nan=math.inf)  # not fmin, which takes twenty times as long on a CPU
    torch.minimum(previous, most, out=previous)


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
            # Keeps the parameter's memory format.
            placed = torch.empty_like(parameter, dtype=placed.dtype).copy_(placed)
        owners[id(parameter)].state[parameter][key] = placed
