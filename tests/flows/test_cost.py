"""Every recipe can be planned, says its plan in its docstring, and a plan names what it cannot count."""

import re
from pathlib import Path

import pytest

from flows import recipes
from flows.changes import assigned
from flows.cost import Cost, hardware_named, planned_cost
from flows.pages.cost_table import lines, summary
from flows.recipes.scales import SCALES, spread
from models.planning.parallel import Parallel
from tasks.errors import ConfigError

FOR_GPUS: tuple[recipes.RecipeName, ...] = ("folder", "cc3m", "cc12m", "paper-2.8b", "paper-5.6b", "paper-12b")
README = (Path(__file__).parents[2] / "README.md").read_text()


def cost_of(name: recipes.RecipeName, *assignments: str) -> Cost:
    return planned_cost(assigned(recipes.recipe_config(name), assignments), SCALES[name])


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_has_a_plan_that_fits_its_hardware(name: recipes.RecipeName) -> None:
    cost = cost_of(name)
    assert cost.fits
    assert cost.prior is not None
    assert cost.hours >= cost.prior.hours > 0


@pytest.mark.parametrize("name", FOR_GPUS)
def test_the_docstring_says_the_plan(name: recipes.RecipeName) -> None:
    assert " ".join(recipes.descriptions()[name].split()).endswith(summary(cost_of(name)))


@pytest.mark.parametrize("name", FOR_GPUS[3:])
def test_the_papers_recipes_have_its_hyper_parameters(name: recipes.RecipeName) -> None:
    config, parallel = recipes.recipe_config(name), SCALES[name].parallel
    training = config.prior.training
    assert (training.steps, training.batch_size, training.learning_rate) == (430_000, 1024, 4.5e-4)
    assert (training.beta1, training.beta2, training.eps, training.weight_decay) == (0.9, 0.96, 1e-8, 4.5e-2)
    assert (training.clip_norm, training.clip_second_moment) == (4.0, 5.0)
    assert (training.precision, training.loss_scale, training.moments) == ("fp16", "per_block", "paper")
    assert (config.prior.model.layers, config.prior.model.width // config.prior.model.heads) == (64, 64)
    assert (config.dvae.training.steps, config.dvae.training.batch_size) == (3_000_000, 512)
    assert (parallel.machines, parallel.gpus_per_machine) == (128, 8)
    assert training.compression_rank == parallel.compression_rank
    assert training.compression_shards == parallel.gpus_per_machine
    assert config.pack.val_fraction * SCALES[name].pairs == pytest.approx(606_000)


def test_what_the_trainer_cannot_do_yet_is_said() -> None:
    said = "Not runnable today: the paper's 16-bit weights and gradients."
    assert lines("paper-12b", cost_of("paper-12b"))[1] == said
    for name in ("demo", "cc3m", "cc12m"):
        assert cost_of(name).not_run_today == ()
        assert not any("Not runnable" in line for line in lines(name, cost_of(name)))


def test_the_demos_prior_takes_as_long_as_it_did_within_what_machines_of_two_cores_differ() -> None:
    """It took 9 min 26 s on one such machine and, with fewer updates, 5 min 06 s on another."""
    [(minutes, seconds)] = re.findall(r"^train_prior +made +(\d+) min (\d+) s", README, re.MULTILINE)
    prior = cost_of("demo").prior
    assert prior is not None
    assert 1 / 2 < 60 * prior.hours / (int(minutes) + int(seconds) / 60) < 2


def test_money_is_hours_times_gpus_times_the_price_and_unsaid_without_one() -> None:
    config, scale = recipes.recipe_config("cc3m"), SCALES["cc3m"]
    free, paid = (planned_cost(config, scale, hardware_named("a100-80gb", price)) for price in (None, 1.5))
    assert free.money is None
    assert not any(line.strip().startswith("money") for line in lines("cc3m", free))
    assert paid.money == pytest.approx(paid.hours * 8 * 1.5)
    assert any(line.strip().startswith("money") for line in lines("cc3m", paid))


def test_trainings_that_are_not_counted_are_named() -> None:
    assert cost_of("demo").not_planned == ("clip",)
    assert cost_of("emoji", "tokenizer=vqgan").not_planned == ("vqgan", "clip")
    assert cost_of("cc3m").not_planned == ()


def test_what_cannot_be_planned_is_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="v100-16gb does not compute in bf16, but in fp16, fp32"):
        cost_of("paper-12b", "prior.training.precision=bf16", "prior.training.loss_scale=global")
    with pytest.raises(ConfigError, match="a batch of 100 does not divide over 8 ranks"):
        cost_of("cc3m", "prior.training.batch_size=100")
    with pytest.raises(ConfigError, match="no hardware 'tpu'; there are: cpu-2-cores"):
        hardware_named("tpu")


def test_a_plan_can_be_spread_otherwise() -> None:
    assert spread(SCALES["demo"], gpus=4).parallel == Parallel(mode="ddp", gpus_per_machine=4)
    assert spread(SCALES["cc3m"], gpus=1).parallel == Parallel()
    assert spread(SCALES["paper-12b"], rank=0).parallel.compression_rank is None
    with pytest.raises(ValueError, match="compression_rank is for mode hsdp"):
        spread(SCALES["paper-12b"], mode="fsdp")
