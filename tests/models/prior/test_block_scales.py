"""The prior in fp16 with a scale for the gradients of each of its residual blocks, and without."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.model import Prior, TransformerBlock
from models.prior.train import PriorJob, train
from models.training.block_scale import BlockScales
from models.training.config import Precision
from models.training.distributed import Ranks
from models.training.precision import autocast

CPU = torch.device("cpu")
Job = Callable[..., dict[str, Any]]
PRIOR = PriorModelConfig(
    text_vocab=20, text_length=8, image_vocab=13, grid=4, width=16, layers=3, heads=2, conv_kernel=3
)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_transformer_block_without_scales_computes_the_bits_that_it_is_defined_by(precision: Precision) -> None:
    torch.manual_seed(0)
    block = TransformerBlock(PRIOR, "row")
    x = torch.randn(2, PRIOR.length, PRIOR.width)

    def defined(x: Tensor) -> Tensor:
        x = x + block.attention(block.attention_norm(x))
        grown: Tensor = block.mlp_out(torch.nn.functional.gelu(block.mlp_in(block.mlp_norm(x))))
        return x + grown

    found = []
    for function in (block, defined):
        block.zero_grad()
        with autocast(precision, CPU):
            result = function(x)
        result.square().mean().backward()
        found.append([result, *(parameter.grad for parameter in block.parameters())])
    assert len(found[0]) == 13
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*found, strict=True))


def test_the_priors_residual_blocks_are_two_of_each_layer_and_hold_all_weights_of_the_layers() -> None:
    model = Prior(PRIOR)
    branches = model.branches()
    assert len(branches) == 2 * PRIOR.layers
    held = [id(parameter) for branch in branches for parameter in branch.parameters()]
    assert sorted(held) == sorted(id(parameter) for parameter in model.blocks.parameters())


def _prior_gradients(model: Prior, precision: Precision, again: bool = False) -> dict[str, Tensor]:
    model.activation_checkpointing = again
    model.zero_grad(set_to_none=True)
    random = torch.Generator().manual_seed(0)
    captions, codes = (torch.randint(0, 13, (4, n), generator=random) for n in (8, 16))
    with autocast(precision, CPU):
        text, image = model(captions, codes)
    (text.square().mean() + image.square().mean()).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_the_priors_gradients_are_those_of_fp32_up_to_rounding_whatever_the_scales() -> None:
    torch.manual_seed(0)
    model = Prior(PRIOR)
    exact = _prior_gradients(model, "fp32")
    scales = BlockScales(model.branches(), CPU)
    scales.scales.copy_(2.0 ** torch.linspace(10, 16, len(model.branches())))
    _prior_gradients(model, "fp16")
    scales.unscale()
    for name, parameter in model.named_parameters():
        difference = (parameter.grad - exact[name]).norm()
        assert difference <= 0.01 * exact[name].norm() + 1e-9, name


def test_activations_that_are_computed_again_give_the_same_bits() -> None:
    torch.manual_seed(0)
    model = Prior(PRIOR)
    BlockScales(model.branches(), CPU)
    kept, again = (_prior_gradients(model, "fp16", flag) for flag in (False, True))
    assert kept.keys() == again.keys()
    assert all(torch.equal(kept[name], again[name]) for name in kept)


def test_without_autocast_scales_change_nothing() -> None:
    torch.manual_seed(0)
    model = Prior(PRIOR)
    before = _prior_gradients(model, "fp32")
    BlockScales(model.branches(), CPU)
    after = _prior_gradients(model, "fp32")
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_scales_of_blocks_are_refused_where_fp16_does_not_need_them(precision: Precision) -> None:
    with pytest.raises(
        ValueError, match=f"loss_scale per_block is for precision fp16, not {precision}: set it to global"
    ):
        PriorTrainingConfig(precision=precision, loss_scale="per_block")


def test_a_prior_trains_in_fp16_with_scales_of_its_blocks_as_in_fp32(prior_job: Job) -> None:
    curves = []
    for name, more in (("fp32", {}), ("fp16", {"precision": "fp16", "loss_scale": "per_block"})):
        job = prior_job(name, steps=20, log_every=1, **more)
        train(PriorJob.model_validate(job), Ranks())
        curves.append([json.loads(line) for line in (Path(job["out"]) / "metrics.jsonl").read_text().splitlines()])
    plain, scaled = ([line["loss"] for line in curve] for curve in curves)
    assert scaled == pytest.approx(plain, rel=2e-3)
    assert plain[-1] < plain[0] - 0.1
    assert curves[1][-1]["block_scale_min"] == pytest.approx(2.0 ** (13 + 20 / 1000), rel=1e-4)
    assert curves[1][-1]["skipped"] == 0
