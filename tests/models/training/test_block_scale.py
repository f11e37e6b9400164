"""fp16 with a scale for the gradients of each residual block: the paper's rules."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stretched import Stretched
from torch import Tensor, nn

from models.training.block_scale import BlockScales, Branch
from models.training.config import TrainingConfig
from models.training.gradients import Gradients
from models.training.precision import autocast

CPU = torch.device("cpu")


class Scaling(nn.Module):
    """Multiplies by one weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[weight]]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.linear(x, self.weight)


def _backward(branch: Branch, x: float, gradient: float) -> Tensor:
    """The gradient of a branch's input for that of its result."""
    inputs = torch.full((1, 1), x, requires_grad=True)
    with autocast("fp16", CPU):
        branch(inputs).float().backward(torch.full((1, 1), gradient))
    assert inputs.grad is not None
    return inputs.grad


def _scales(*branches: Branch, at: float | None = None) -> BlockScales:
    scales = BlockScales(branches, CPU)
    if at is not None:
        scales.scales.fill_(at)
    return scales


def test_scales_start_at_two_to_the_13() -> None:
    assert _scales(Branch(Scaling(1.0)), Branch(Scaling(1.0))).scales.tolist() == [2.0**13] * 2


def test_a_branch_computes_in_fp16_and_takes_and_gives_fp32() -> None:
    seen = []

    class Recorded(Scaling):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.dtype)
            return super().forward(x)

    branch = Branch(Recorded(3.0))
    _scales(branch)
    inputs = torch.ones(1, 1, requires_grad=True)
    with autocast("fp16", CPU):
        result = branch(inputs)
    result.backward(torch.ones(1, 1))
    assert (seen, result.dtype) == ([torch.float16], torch.float32)
    assert inputs.grad == 3.0


def test_gradients_too_small_for_fp16_pass_a_branch_with_a_scale_and_come_out_unscaled() -> None:
    plain, scaled = Branch(Scaling(3.0)), Branch(Scaling(3.0))
    scales = _scales(scaled, at=2.0**20)
    tiny = 2.0**-30  # half of what fp16 rounds to zero
    assert _backward(plain, 1.0, tiny) == 0.0
    assert _backward(scaled, 1.0, tiny) == 3 * tiny
    (weight,) = scaled.parameters()
    assert weight.grad == tiny * 2.0**20
    scales.unscale()
    assert weight.grad == tiny


@pytest.mark.parametrize("gradient", [1e4, math.inf, math.nan])
def test_a_gradient_that_is_not_finite_does_not_leave_its_branch(gradient: float) -> None:
    branch = Branch(Scaling(1.0))
    scales = _scales(branch)
    assert _backward(branch, 1.0, gradient) == 0.0
    scales.unscale()
    assert scales.finite.tolist() == [False]


def test_a_branch_that_overflows_leaves_the_gradients_of_earlier_blocks_as_they_are() -> None:
    early, late = Branch(Scaling(0.5)), Branch(Scaling(1.0))
    scales = _scales(early, late)
    scales.scales[1] = 2.0**24
    x = torch.ones(1, 1, requires_grad=True)
    with autocast("fp16", CPU):
        stream = x + early(x)
        result = stream + late(stream)
    result.backward(torch.ones(1, 1))
    scales.unscale()
    assert scales.finite.tolist() == [True, False]
    assert early.parameters()[0].grad == 1.0  # that of the identity path alone
    assert x.grad == 1.5


class Rule:
    """The paper's rules for one scale, in numbers of Python: it is lowered at most once in 125 updates."""

    def __init__(self) -> None:
        self.scale = 2.0**13
        self.lowered_at = -math.inf

    def update(self, number: int, finite: bool) -> None:
        if finite:
            self.scale *= 2 ** (1 / 1000)
        elif number - self.lowered_at >= 125:
            self.scale /= math.sqrt(2)
            self.lowered_at = number
        self.scale = min(max(self.scale, 2.0**7), 2.0**24)


# Stretches of updates, and which of two blocks overflow in them.
STRETCHES = st.lists(st.tuples(st.integers(1, 400), st.booleans(), st.booleans()), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)
@given(STRETCHES)
def test_each_scale_moves_by_the_papers_rules_for_its_own_overflows(
    stretches: Sequence[tuple[int, bool, bool]],
) -> None:
    scales, rules = _scales(Branch(Scaling(1.0)), Branch(Scaling(1.0))), (Rule(), Rule())
    numbers = itertools.count()
    for updates, *finite in stretches:
        scales.finite = torch.tensor(finite)
        for number in itertools.islice(numbers, updates):
            scales.move()
            for rule, own in zip(rules, finite, strict=True):
                rule.update(number, own)
        assert scales.scales.tolist() == pytest.approx([rule.scale for rule in rules], rel=1e-3)


@pytest.mark.parametrize(("start", "finite", "end"), [(2.0**7, False, 2.0**7), (2.0**24, True, 2.0**24)])
def test_a_scale_stays_within_its_bounds(start: float, finite: bool, end: float) -> None:
    scales = _scales(Branch(Scaling(1.0)), at=start)
    scales.finite = torch.tensor([finite])
    scales.move()
    assert scales.scales.tolist() == [end]


def test_a_thousand_updates_without_an_overflow_double_a_scale() -> None:
    scales = _scales(Branch(Scaling(1.0)))
    for _ in range(1000):
        scales.move()
    assert scales.scales.item() == pytest.approx(2.0**14, rel=1e-3)


def _gradients(model: Stretched, **settings: Any) -> Gradients:
    config = TrainingConfig(precision="fp16", **settings)
    return Gradients(model.parameters(), config, CPU, branches=model.branches)


def _fill(model: Stretched, gradients: Gradients, early: float = 1.0, late: float = 1.0, others: float = 1.0) -> None:
    """What a backward pass leaves: gradients of blocks times their scales."""
    scales = gradients.tensors()["block_scales"]
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, others)
    for branch, scale, value in zip(model.branches, scales, (early, late), strict=True):
        for parameter in branch.parameters():
            parameter.grad = torch.full_like(parameter, value * float(scale))


def test_an_overflow_of_one_block_skips_the_whole_update_and_lowers_its_scale_alone() -> None:
    model = Stretched()
    gradients = _gradients(model)
    _fill(model, gradients, late=math.inf)
    assert gradients.check(0) == 1.0
    assert not gradients.finite
    early, late = gradients.tensors()["block_scales"].tolist()
    assert late == pytest.approx(2.0**12.5)
    assert early == pytest.approx(2.0 ** (13 + 1 / 1000))


def test_a_parameter_has_the_scale_of_its_branch_or_of_the_loss() -> None:
    model = Stretched()
    gradients = _gradients(model)
    gradients.restore(gradients.tensors() | {"block_scales": torch.tensor([2.0**9, 2.0**11])})
    of_branches = [{gradients.scale_of(each) for each in branch.parameters()} for branch in model.branches]
    assert [{float(scale) for scale in scales} for scales in of_branches] == [{2.0**9}, {2.0**11}]
    assert gradients.scale_of(nn.Parameter(torch.zeros(1))) is None
    of_loss = Gradients(model.parameters(), TrainingConfig(precision="fp16"), CPU)
    assert {float(of_loss.scale_of(each)) for each in model.parameters()} == {2.0**16}
    assert Gradients(model.parameters(), TrainingConfig(), CPU).scale_of(next(model.parameters())) is None


def test_gradients_are_clipped_by_the_norm_that_they_have_without_scales() -> None:
    model = Stretched()
    gradients = _gradients(model, clip_norm=1.0)
    _fill(model, gradients)
    assert gradients.check(0) == 0.0
    whole = sum(parameter.numel() for parameter in model.parameters())
    assert gradients.numbers()["gradient_norm"] == pytest.approx(math.sqrt(whole))
    for parameter in model.parameters():
        torch.testing.assert_close(parameter.grad, torch.full_like(parameter, whole**-0.5), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("values", "scale", "ends"),
    [
        pytest.param({"late": math.inf}, 2.0**13, False, id="a lower scale may help"),
        pytest.param({"late": math.inf}, 2.0**7, True, id="there is no lower scale"),
        pytest.param({"others": math.nan}, 2.0**13, True, id="what has no scale"),
    ],
)
def test_updates_skipped_in_a_row_end_a_run_only_where_no_lower_scale_can_help(
    values: dict[str, float], scale: float, ends: bool
) -> None:
    model = Stretched()
    gradients = _gradients(model, stop_after_non_finite=3)
    gradients.restore(gradients.tensors() | {"block_scales": torch.full((2,), scale)})
    for step in range(4):
        _fill(model, gradients, **values)
        gradients.check(step)
    assert gradients.broken_at() == (2 if ends else None)
