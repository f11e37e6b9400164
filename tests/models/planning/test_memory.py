"""Planned memory is what the tensors of real training steps take: measured, within a tenth.

Most steps are run on fake tensors, which have sizes but no content; they take what real ones take.
"""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from allocations import Allocations
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from models.planning.memory import Memory, memory_per_rank
from models.planning.parallel import Parallel
from models.planning.weights import prior_weights
from models.prior.config import PriorModelConfig, PriorTrainingConfig
from models.prior.losses import image_loss, prior_loss, text_loss
from models.prior.model import Prior
from models.training.config import Precision
from models.training.ema import EMA
from models.training.gradients import Gradients
from models.training.optimiser import optimisers
from models.training.precision import autocast

CPU = torch.device("cpu")
DEMO: dict[str, Any] = {"width": 192, "layers": 4, "heads": 4, "text_vocab": 530, "text_length": 28, "image_vocab": 256}
DEMO |= {"grid": 16}
WIDE: dict[str, Any] = {"width": 512, "layers": 2, "heads": 8, "text_vocab": 16_384, "text_length": 64, "grid": 16}
LARGE_GRID: dict[str, Any] = {"width": 128, "layers": 3, "heads": 4, "text_vocab": 1000, "image_vocab": 512}
DEEP = DEMO | {"width": 384, "layers": 12}
DENSE = DEMO | {"attention": "full"}
MUON: dict[str, Any] = {"muon_learning_rate": 0.02, "clip_second_moment": None}


def _measured(model_config: PriorModelConfig, training: PriorTrainingConfig, fake: bool = True) -> int:
    """Most bytes in the second step, of all tensors of a model with its optimiser and EMA."""
    content = FakeTensorMode(allow_non_fake_inputs=True) if fake else nullcontext()
    with content:
        _step(Prior(model_config), training)  # so that masks that are made once do not count
    with content, Allocations() as allocations:
        model = Prior(model_config)
        ema = EMA(model, 0.99)
        narrow = model.matrices() if training.moments == "paper" else []
        steppers = optimisers(model, training, model.matrices(), narrow)
        for step in range(2):
            allocations.peak = 0
            _step(model, training)
            Gradients(model.parameters(), training, CPU).check(step)
            for optimiser in steppers:
                optimiser.step()
            ema.update(model, step, torch.tensor(True))
    return allocations.peak


def _step(model: nn.Module, training: PriorTrainingConfig) -> None:
    assert isinstance(model, Prior)
    model.activation_checkpointing = training.activation_checkpointing
    c = model.config
    captions = torch.zeros(training.batch_size, c.caption_length, dtype=torch.int64)
    codes = torch.zeros(training.batch_size, c.codes_per_image, dtype=torch.int64)
    with autocast(training.precision, CPU):
        loss = _loss(model, captions, codes)
    model.zero_grad(set_to_none=True)
    loss.backward()


def _loss(model: Prior, captions: Tensor, codes: Tensor) -> Tensor:
    text, image = model.states(captions, codes)
    of_text = text_loss(text, model.text_head, model.text_targets(captions), model.config.text_vocab, True)
    return prior_loss(of_text, image_loss(image, model.image_head, codes), 1 / 8)


def _planned(model_config: PriorModelConfig, training: PriorTrainingConfig, parallel: Parallel | None = None) -> Memory:
    return memory_per_rank(model_config, prior_weights(model_config), training, parallel or Parallel(), True)


@pytest.mark.parametrize(
    ("sizes", "batch", "precision", "again", "changes"),
    [
        (DEMO, 8, "bf16", False, MUON),
        (DEMO, 8, "fp32", True, {}),
        (DENSE, 8, "bf16", True, {}),
        (WIDE, 2, "fp32", False, {}),
        (LARGE_GRID, 2, "fp32", True, {}),
        (DEEP, 2, "fp32", True, {"moments": "paper"}),
    ],
    ids=["demo", "demo, checkpointed", "dense, checkpointed", "wide", "large grid, checkpointed", "16-bit moments"],
)
def test_a_step_takes_what_is_planned(
    sizes: dict[str, Any], batch: int, precision: Precision, again: bool, changes: dict[str, Any]
) -> None:
    training = PriorTrainingConfig(
        batch_size=batch, precision=precision, activation_checkpointing=again, ema_every=1, **changes
    )
    model = PriorModelConfig(**sizes)
    planned, measured = _planned(model, training).total, _measured(model, training)
    print(f"planned {planned / 1e6:.1f} MB, measured {measured / 1e6:.1f} MB: {planned / measured - 1:+.1%}")
    assert planned == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("again", [False, True], ids=["kept", "checkpointed"])
def test_fake_tensors_take_what_real_ones_take(again: bool) -> None:
    model = PriorModelConfig(width=64, layers=3, heads=2, text_vocab=50, text_length=8, image_vocab=40, grid=8)
    training = PriorTrainingConfig(batch_size=4, activation_checkpointing=again, ema_every=1)
    measured = _measured(model, training, fake=False)
    assert measured == _measured(model, training)
    assert _planned(model, training).total == pytest.approx(measured, rel=0.1)


def test_the_papers_model_fits_its_gpus_in_the_papers_formats_only() -> None:
    layout = {"mode": "hsdp", "machines": 128, "gpus_per_machine": 8}
    training = PriorTrainingConfig(precision="fp16", moments="paper")
    whole = PriorModelConfig()
    paper = Parallel(**layout, compression_rank=896, state="paper")
    planned = memory_per_rank(whole, prior_weights(whole), training, paper)
    assert 15e9 < planned.total < 16.9e9  # a V100 of 16 GiB
    assert planned.host > 0
    assert planned.ema == 0
    wide = training.model_copy(update={"moments": "fp32"})
    in_fp32 = memory_per_rank(whole, prior_weights(whole), wide, Parallel(**layout, compression_rank=896))
    assert in_fp32.total > 2 * planned.total


def test_every_shard_makes_state_smaller_but_not_activations() -> None:
    model = PriorModelConfig(**WIDE)
    training = PriorTrainingConfig(batch_size=8, ema_every=1)
    eight = Parallel(mode="ddp", gpus_per_machine=8), Parallel(mode="fsdp", gpus_per_machine=8)
    whole, cut = (_planned(model, training, parallel) for parallel in eight)
    for name in ("weights", "gradients", "optimiser", "ema"):
        assert getattr(cut, name) == pytest.approx(getattr(whole, name) / 8, rel=0.01)
    assert cut.activations == pytest.approx(whole.activations, rel=0.3)


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 9 does not divide over 8 ranks"):
        _planned(PriorModelConfig(**DEMO), PriorTrainingConfig(batch_size=9), Parallel(mode="ddp", gpus_per_machine=8))
