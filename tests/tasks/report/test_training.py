"""Curves of any training, whatever it logs."""

import numpy as np
from support.finished_run import finished_run

from models.training.images import encode_png
from tasks.report.facts import gather
from tasks.report.training import trainings


def test_a_value_nobody_described_folds_away_under_its_own_name(settings):
    run = finished_run(settings, tokenizer="train_vqgan")
    log = b'{"step": 0, "loss": 2.0, "adversarial_loss": 1.0}\n{"step": 9, "loss": 1.0, "adversarial_loss": 0.5}\n'
    run.finish("train_vqgan", lambda output: output.write("metrics.jsonl", log), "pack")
    [training] = trainings(gather([run.artifacts["train_vqgan"]]))
    assert training.stage == "train_vqgan"
    assert [plot.title for plot in training.plots] == ["Loss"]
    assert [plot.title for plot in training.others] == ["Adversarial loss"]


def test_held_out_and_training_values_share_a_plot(settings):
    run = finished_run(settings)
    log = b'{"step": 1, "val/psnr": 10, "val/train_psnr": 12}\n{"step": 9, "val/psnr": 20.5, "val/train_psnr": 22.5}\n'
    run.finish("train_dvae", lambda output: output.write("metrics.jsonl", log), "pack")
    [training] = trainings(gather([run.artifacts["train_dvae"]]))
    [plot] = training.plots
    assert "held-out 20.5" in plot.drawn
    assert "training 22.5" in plot.drawn


def _learned(settings, steps, stage="train_dvae", name="reconstructions"):
    """A training with pictures at these steps: the true ones are grey 10, those of a step its number."""
    run = finished_run(settings)

    def write(output):
        output.write("metrics.jsonl", b'{"step": 0, "loss": 2.0}\n{"step": 9, "loss": 1.0}\n')
        for step in steps:
            true, made = (np.full((8, 32, 3), grey, np.uint8) for grey in (10, step))
            output.write(f"pictures/{step:07d}/{name}.png", encode_png(np.concatenate([true, made])))

    run.finish(stage, write, "pack")
    [training] = trainings(gather([run.artifacts[stage]]))
    return training


def test_pictures_of_a_training_are_shown_at_steps_twice_as_far_each_and_at_the_last(settings):
    made = _learned(settings, range(10, 120, 10)).made
    assert [row.step for row in made] == [None, 10, 20, 40, 80, 110]
    assert [int(row.image.max()) for row in made] == [10, 10, 20, 40, 80, 110]
    assert all(row.image.shape == (8, 32, 3) for row in made)


def test_a_training_without_such_pictures_shows_none(settings):
    assert _learned(settings, []).made == ()
    assert _learned(settings, [3], name="codes").made == ()
