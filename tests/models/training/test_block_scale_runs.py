"""Runs in fp16 with a scale for the gradients of each residual block: what the scales are for, resume, and ranks."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support import one_overflowing_rank
from support.ranks import running_ranks
from support.stretched import BATCH, BETWEEN, ProductLearner
from torch import Tensor, nn

from models.files import RANK_STATE
from models.training.block_scale import BlockScales
from models.training.checkpoint import read_tensors
from models.training.config import Precision, TrainingConfig
from models.training.distributed import Ranks
from models.training.loop import Loop
from models.training.precision import autocast

CPU = torch.device("cpu")


def _loop(out: Path, precision: Precision, per_block: bool = False, between: float = BETWEEN, **more: Any) -> Loop:
    rates = {"learning_rate": 1e-2, "final_learning_rate": 1e-4, "warmup_steps": 10, "eps": 1e-20}
    config = {"steps": 200, "batch_size": BATCH, "clip_norm": None, "ema_decay": None, "precision": precision}
    return Loop(ProductLearner(per_block, between), TrainingConfig(**config | rates | more), out, Ranks(), "a")


def test_no_scale_of_the_loss_suits_two_blocks_that_scales_of_their_own_do() -> None:
    model = ProductLearner(per_block=False).model
    nn.init.normal_(model.early[-1].weight, std=0.1, generator=torch.Generator().manual_seed(0))
    x = torch.rand(BATCH, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1

    def gradients(precision: Precision, scale: float = 1.0) -> list[Tensor]:
        """Of the matrix next to the input in each block."""
        model.zero_grad(set_to_none=True)
        with autocast(precision, CPU):
            loss = (model(x) - x.prod(1)).square().mean()
        (loss * scale).backward()
        return [parts[0].weight.grad / scale for parts in (model.early, model.late)]

    exact = gradients("fp32")
    for exponent in range(40):
        early, late = gradients("fp16", 2.0**exponent)
        assert not early.any() or not late.isfinite().all()
    scales = BlockScales(model.branches, CPU)
    scales.scales.copy_(torch.tensor([2.0**24, 2.0**7]))
    gradients("fp16")
    scales.unscale()
    for parts, expected in zip((model.early, model.late), exact, strict=True):
        assert (parts[0].weight.grad - expected).norm() < 0.1 * expected.norm()


def test_with_gradients_that_underflow_a_global_scale_fails_and_scales_of_blocks_follow_fp32(tmp_path: Path) -> None:
    fp32 = _loop(tmp_path / "fp32", "fp32").run()["loss"]
    failing = _loop(tmp_path / "global", "fp16").run()["loss"]
    adapted = _loop(tmp_path / "per block", "fp16", per_block=True)
    # Where a long run arrives: a scale doubles in a thousand updates.
    found = {"block_scales": torch.tensor([2.0**24, 2.0**7])}
    adapted.gradients.restore(adapted.gradients.tensors() | found)
    per_block = adapted.run()["loss"]
    assert fp32 < 0.003
    assert per_block < 1.5 * fp32 + 0.001
    assert failing > 10 * fp32


def test_a_run_resumes_with_the_scales_of_its_blocks_to_the_same_bits(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 12, "warmup_steps": 2, "checkpoint_every": 6, "keep_checkpoints": 9}
    _loop(tmp_path, "fp16", per_block=True, **settings).run()
    whole = {path.name: read_tensors(path / RANK_STATE.format(0))[0] for path in (tmp_path / "checkpoints").iterdir()}
    curve = (tmp_path / "metrics.jsonl").read_text()
    middle, last = sorted(whole)
    for path in (tmp_path / "checkpoints" / last).iterdir():
        path.unlink()
    (tmp_path / "checkpoints" / last).rmdir()
    resumed = _loop(tmp_path, "fp16", per_block=True, **settings)
    assert resumed.step == 6
    assert torch.equal(resumed.gradients.tensors()["block_scales"], whole[middle]["gradients:block_scales"])
    assert whole[middle]["gradients:block_scales"].unique().numel() == 2  # one overflows at first, the other not
    resumed.run()
    again = read_tensors(tmp_path / "checkpoints" / last / RANK_STATE.format(0))[0]
    assert again.keys() == whole[last].keys()
    assert all(torch.equal(again[name], tensor) for name, tensor in whole[last].items())
    assert (tmp_path / "metrics.jsonl").read_text() == curve
    assert {"block_scale_min", "block_scale_median", "block_scale_max"} <= json.loads(curve.splitlines()[0]).keys()


@pytest.mark.end_to_end
def test_an_overflow_on_one_rank_lowers_the_scale_on_all(tmp_path: Path) -> None:
    training = {"steps": 8, "batch_size": 4, "warmup_steps": 2, "precision": "fp16", "threads": 1}
    job = {"training": training, "out": str(tmp_path / "out")}
    with running_ranks([str(Path(one_overflowing_rank.__file__))], job, 2) as agent:
        assert agent.wait(120) == 0
    first, second = (json.loads((tmp_path / "out" / f"scales-{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    overflows, fine = first
    assert overflows < 2.0**12.6 < 2.0**13 < fine


@pytest.mark.slow
def test_scales_of_blocks_find_their_range_from_the_start_of_a_run(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 1500, "log_every": 500, "between": 2.0**-38}
    failing = _loop(tmp_path / "global", "fp16", **settings).run()["loss"]
    per_block = _loop(tmp_path / "per block", "fp16", per_block=True, **settings)
    assert per_block.run()["loss"] < failing / 3
    early, late = per_block.gradients.tensors()["block_scales"].tolist()
    assert early > 2.0**14 > 2.0**11 > late
