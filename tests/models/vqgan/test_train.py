"""The VQGAN learns, with or without its additions, and resumes to the same bits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.ranks import torchrun
from torch import Tensor

from models.training.checkpoint import read_tensors
from models.training.data import Pairs
from models.training.distributed import Ranks
from models.training.loop import Batch, Loop
from models.training.randomness import Step
from models.vqgan.losses import PerceptualDistance
from models.vqgan.model import VQGAN
from models.vqgan.train import VQGANJob, VQGANLearner, train

Job = Callable[..., dict[str, Any]]
ADVERSARIAL = {"adversarial_weight": 0.8, "adversarial_start": 2}


def _learner(job: dict[str, Any], perceptual: PerceptualDistance | None = None) -> VQGANLearner:
    torch.manual_seed(0)
    asked = VQGANJob.model_validate(job)
    pairs = Pairs(asked.data.train)
    return VQGANLearner(VQGAN(asked.model), asked.training, pairs, pairs, perceptual)


def _lines(job: dict[str, Any]) -> list[dict[str, float]]:
    return [json.loads(line) for line in (Path(job["out"]) / "metrics.jsonl").read_text().splitlines()]


def _state(job: dict[str, Any]) -> dict[str, Tensor]:
    newest = max((Path(job["out"]) / "checkpoints").iterdir())
    return read_tensors(newest / "rank-00000.safetensors")[0]


def test_a_few_dozen_steps_bring_the_reconstruction_loss_to_a_third(vqgan_job: Job) -> None:
    job = vqgan_job(steps=40, batch_size=8, learning_rate=1e-2, log_every=39)
    train(VQGANJob.model_validate(job), Ranks())
    first, last = _lines(job)
    assert last["reconstruction"] < first["reconstruction"] / 3
    assert last["usage"] > 0.3
    done = json.loads((Path(job["out"]) / "done.json").read_text())
    assert {"psnr", "usage", "train_psnr"} <= done["metrics"].keys()


def test_each_adversarial_loss_moves_its_own_weights_only(vqgan_job: Job) -> None:
    learner = _learner(vqgan_job(**ADVERSARIAL))
    assert learner.discriminator is not None
    parts = learner(learner.batch(Step(2, 0)), Step(2, 0))
    discriminator, generator = list(learner.discriminator.parameters()), list(learner.model.parameters())

    def moved(loss: Tensor, weights: list[torch.nn.Parameter]) -> list[Tensor | None]:
        return list(torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True))

    assert all(gradient is None for gradient in moved(parts["discriminator"], generator))
    assert all(gradient is None for gradient in moved(parts["adversarial"], discriminator))
    assert all(gradient is not None for gradient in moved(parts["adversarial"], generator))
    for ours, alone in zip(
        moved(parts["loss"], discriminator), moved(parts["discriminator"], discriminator), strict=True
    ):
        assert ours is not None
        assert alone is not None
        torch.testing.assert_close(ours, alone)


def test_before_its_start_the_discriminator_neither_learns_nor_counts(vqgan_job: Job) -> None:
    learner = _learner(vqgan_job(**ADVERSARIAL))
    assert learner.discriminator is not None
    parts = learner(learner.batch(Step(1, 0)), Step(1, 0))
    torch.testing.assert_close(parts["loss"], parts["reconstruction"] + 0.25 * parts["commitment"])
    assert "discriminator" not in parts
    parts["loss"].backward()
    assert all(weight.grad is not None and not weight.grad.any() for weight in learner.discriminator.parameters())


class _Interrupted(VQGANLearner):
    def batch(self, step: Step) -> Batch:
        if step.number == 7:
            raise KeyboardInterrupt
        return super().batch(step)


def test_a_training_that_was_interrupted_goes_on_to_the_same_bits(vqgan_job: Job) -> None:
    more = ADVERSARIAL | {"steps": 10, "checkpoint_every": 5, "log_every": 1, "augment": True, "restart_below": 0.3}
    whole, broken = vqgan_job("whole", **more), vqgan_job("broken", **more)
    _loop(whole, _learner(whole)).run()
    interrupted = _learner(broken)
    interrupted.__class__ = _Interrupted
    with pytest.raises(KeyboardInterrupt):
        _loop(broken, interrupted).run()
    resumed = _loop(broken, _learner(broken))
    assert resumed.step == 5
    resumed.run()
    first, second = _state(whole), _state(broken)
    assert {"learner:discriminator.main.0.weight", "learner:average.counts"} <= first.keys()
    assert "optimiser:discriminator.main.0.weight/exp_avg_sq" in first
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert _lines(whole) == _lines(broken)
    assert "adversarial_weight" in _lines(whole)[-1]


def _loop(job: dict[str, Any], learner: VQGANLearner) -> Loop:
    return Loop(learner, learner.training_config, Path(job["out"]), Ranks(), "a")


@pytest.mark.end_to_end
def test_two_ranks_give_the_weights_of_one(vqgan_job: Job) -> None:
    # Biases before a normalisation have a gradient of zero; a large eps keeps Adam from following its rounding.
    more = ADVERSARIAL | {"steps": 6, "restart_below": 0.3, "eps": 1e-3}
    alone, shared = vqgan_job("alone", **more), vqgan_job("shared", **more)
    train(VQGANJob.model_validate(alone), Ranks())
    torchrun("models.vqgan.train", shared, 2)
    first, second = _state(alone), _state(shared)
    for name in first:
        if name.startswith("learner:"):
            torch.testing.assert_close(
                first[name], second[name], atol=1e-4, rtol=1e-3, msg=lambda m, n=name: f"{n}: {m}"
            )


class _SquaredDistance(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(3.0))

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        return self.weight * (images - others).square().mean((1, 2, 3))


def test_a_perceptual_network_adds_its_distance_and_stays_as_it_is(vqgan_job: Job, tmp_path: Path) -> None:
    path = tmp_path / "network.pt"
    torch.jit.script(_SquaredDistance()).save(str(path))
    job = vqgan_job(perceptual_network=str(path), perceptual_weight=2.0, steps=4)
    learner = _learner(job, PerceptualDistance(str(path), torch.device("cpu")))
    parts = learner(learner.batch(Step(0, 0)), Step(0, 0))
    fidelity = parts["reconstruction"] + 2.0 * parts["perceptual"]
    torch.testing.assert_close(parts["loss"], fidelity + 0.25 * parts["commitment"])
    [gradient] = torch.autograd.grad(parts["perceptual"], [learner.model.decoder.conv_out.weight])
    assert gradient.any()
    train(VQGANJob.model_validate(job), Ranks())
    assert _lines(job)[-1]["perceptual"] > 0
    assert not [name for name in _state(job) if "perceptual" in name or "network" in name]
