"""`--set a.b=c`: right values of the right type, and an error that names the nearest key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import recipes
from flows.config import PipelineConfig
from flows.overrides import nearest, overridden, paths
from tasks.errors import ConfigError

CONFIG = PipelineConfig()


def test_every_recipe_is_a_whole_config_with_a_description() -> None:
    for name, text in recipes.descriptions().items():
        assert recipes.recipe(name).dvae.training.steps > 0
        assert len(text) > 40


def test_values_get_the_type_of_their_field() -> None:
    changed = overridden(
        CONFIG,
        [
            "dvae.training.steps=120",
            "source.folder=some/photos",
            "source.snapshot=2026",
            'sample.prompts=["a cat", "a dog"]',
            "sample.top_k=null",
            "dvae.training.augment=false",
        ],
    )
    assert changed.dvae.training.steps == 120
    assert changed.source.folder == "some/photos"
    assert changed.source.snapshot == "2026"
    assert changed.sample.prompts == ("a cat", "a dog")
    assert changed.sample.top_k is None
    assert changed.dvae.training.augment is False
    assert changed.clip == CONFIG.clip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("dvae.trainig.steps", "dvae.training.steps"),
        ("dvae.steps", "dvae.training.steps"),
        ("steps", "dvae.training.steps"),
        ("sampel.seed", "sample.seed"),
        ("prior.training.bach_size", "prior.training.batch_size"),
        ("dedup", None),
    ],
)
def test_an_unknown_key_names_the_nearest_one_in_full(typed: str, meant: str | None) -> None:
    if meant is None:
        assert nearest(CONFIG, typed) == typed
        return
    with pytest.raises(ConfigError, match=f"There is no setting '{typed}': did you mean '.*{meant.rsplit('.')[-1]}'"):
        overridden(CONFIG, [f"{typed}=1"])
    assert nearest(CONFIG, typed) == meant


def test_a_key_like_no_other_gets_no_guess() -> None:
    with pytest.raises(ConfigError, match=r"^There is no setting 'zzqqxx'\.$"):
        overridden(CONFIG, ["zzqqxx=1"])


def test_a_bad_value_names_key_rule_and_value_in_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        overridden(CONFIG, ["dvae.training.steps=0"])
    assert str(caught.value) == "dvae.training.steps: Input should be greater than 0; it is 0."
    with pytest.raises(ConfigError, match=r'dvae.training.steps: .* valid integer.*; it is "many"'):
        overridden(CONFIG, ["dvae.training.steps=many"])


def test_values_that_do_not_fit_together_are_named_with_their_section() -> None:
    with pytest.raises(
        ConfigError, match=r"^dvae.training: warmup_steps \(100\) must be smaller than the ramp \(50\)\.$"
    ):
        overridden(CONFIG, ["dvae.training.steps=50"])


def test_an_assignment_without_a_value_says_how_to_write_it() -> None:
    with pytest.raises(ConfigError, match=r"has no '=': write --set dvae.training.steps=value"):
        overridden(CONFIG, ["dvae.training.steps"])


def test_a_recipe_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(ConfigError, match="no recipe 'dmo'; there are: demo"):
        recipes.recipe("dmo")


@given(st.sampled_from([path for path in paths(CONFIG) if path.endswith(".seed")]), st.integers(0, 2**31))
def test_setting_a_value_and_reading_it_gives_the_value(path: str, value: int) -> None:
    found = overridden(CONFIG, [f"{path}={value}"])
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value
