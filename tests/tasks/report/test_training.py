"""Curves of any training, whatever it logs."""

from support.finished_run import finished_run

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
