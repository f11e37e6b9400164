"""A residual network whose gradients have a range on purpose that no single scale of fp16 spans."""

from typing import Any

import torch
from torch import Tensor, nn

from models.training.block_scale import Branch
from models.training.loop import Batch, Learner
from models.training.randomness import Step

BATCH = 32
LATE = 2.0**8  # a factor of the gradients behind the last block, which the late one gets
BETWEEN = 2.0**-44  # and one between the two blocks, so that the early one gets about 2 ** -36 of the loss's


class Stretched(nn.Module):
    """Two residual blocks on [B, 8]; its results and, but for the factors, its gradients are any such network's.

    The early block is needed: it alone has the hidden units to fit the data with, and it adds nothing at first.
    """

    def __init__(self, between: float = BETWEEN) -> None:
        super().__init__()
        self.between = between
        self.stem = nn.Linear(2, 8)
        self.early = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 8))
        self.late = nn.Sequential(nn.Linear(8, 1), nn.GELU(), nn.Linear(1, 8))
        self.head = nn.Linear(8, 1)
        nn.init.zeros_(self.early[-1].weight)
        self.branches = Branch(self.early), Branch(self.late)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 2] to [B], fp32."""
        early, late = self.branches
        with torch.autocast(x.device.type, enabled=False):
            x = self.stem(x)
        x = _Stretch.apply(x + early(x), self.between)
        x = _Stretch.apply(x + late(x), LATE)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.float())[:, 0]


class _Stretch(torch.autograd.Function):
    """The same values; gradients times a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


class ProductLearner(Learner):
    """Fits the product of two numbers, which is not linear in them; with a scale for each block if asked."""

    model: Stretched

    def __init__(self, per_block: bool, between: float = BETWEEN) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = Stretched(between)
        self.per_block = per_block

    def batch(self, step: Step) -> Batch:
        return {"x": step.uniform("x", BATCH, (2,)) * 2 - 1}

    def forward(self, batch: Batch, step: Step) -> dict[str, Tensor]:
        return {"loss": (self.model(batch["x"]) - batch["x"].prod(1)).square().mean()}

    def scaled_branches(self) -> list[Branch]:
        return list(self.model.branches) if self.per_block else []

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        x = torch.rand(1024, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
        return {"loss": float((self.model(x) - x.prod(1)).square().mean())}
