"""What differs from a recipe: right values of the right type, and an error that names the nearest key."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import recipes
from flows.changes import assigned, changed, differences, nearest, paths, read_file
from flows.config import PipelineConfig
from tasks.crawl.sources.folder import FolderSource
from tasks.crawl.sources.site import SiteSource
from tasks.errors import ConfigError

CONFIG = PipelineConfig()


def test_every_recipe_is_a_whole_config_with_a_description() -> None:
    for name, text in recipes.descriptions().items():
        assert recipes.recipe_config(name).dvae.training.steps > 0
        assert len(text) > 40


def test_every_recipe_can_be_chosen_by_its_name() -> None:
    assert set(get_args(recipes.RecipeName)) == set(recipes.RECIPES)


def test_values_get_the_type_of_their_field() -> None:
    found = assigned(
        CONFIG,
        [
            "dvae.training.steps=120",
            "source=some/photos",
            "source.snapshot=2026",
            'sample.prompts=["a cat", "a dog"]',
            "sample.top_k=null",
            "dvae.training.augment=false",
        ],
    )
    assert found.dvae.training.steps == 120
    assert found.source.sources == (FolderSource(path=str(Path("some/photos").absolute())),)
    assert found.source.snapshot == "2026"
    assert found.sample.prompts == ("a cat", "a dog")
    assert found.sample.top_k is None
    assert found.dvae.training.augment is False
    assert found.clip == CONFIG.clip


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
        assigned(CONFIG, [f"{typed}=1"])
    assert nearest(CONFIG, typed) == meant


def test_a_key_unlike_any_setting_gets_no_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"^There is no setting 'zzqqxx'\.$"):
        assigned(CONFIG, ["zzqqxx=1"])


def test_a_bad_value_names_key_rule_and_value_in_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        assigned(CONFIG, ["dvae.training.steps=0"])
    assert str(caught.value) == "dvae.training.steps: Input should be greater than 0; it is 0."
    with pytest.raises(ConfigError, match=r'dvae.training.steps: .* valid integer.*; it is "many"'):
        assigned(CONFIG, ["dvae.training.steps=many"])


def test_values_that_do_not_fit_together_are_named_with_their_section() -> None:
    with pytest.raises(
        ConfigError, match=r"^dvae.training: warmup_steps \(100\) must be smaller than the ramp \(50\)\.$"
    ):
        assigned(recipes.demo(), ["dvae.training.steps=50"])


def test_an_assignment_without_a_value_says_how_to_write_it() -> None:
    with pytest.raises(ConfigError, match=r"has no '=': write --set dvae.training.steps=value"):
        assigned(CONFIG, ["dvae.training.steps"])


def test_a_recipe_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(ConfigError, match="no recipe 'dmo'; there are: demo"):
        recipes.recipe_name("dmo")


@given(st.sampled_from([path for path in paths(CONFIG) if path.endswith(".seed")]), st.integers(0, 2**31))
def test_setting_a_value_and_reading_it_gives_the_value(path: str, value: int) -> None:
    found = assigned(CONFIG, [f"{path}={value}"])
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value


def test_nested_sections_and_dotted_names_are_the_same_changes() -> None:
    nested = changed(CONFIG, {"dvae": {"training": {"steps": 500, "seed": 3}}, "sample": {"prompts": ["a cat"]}})
    assert nested == changed(
        CONFIG, {"dvae.training.steps": 500, "dvae.training": {"seed": 3}, "sample.prompts": ["a cat"]}
    )
    assert (nested.dvae.training.steps, nested.dvae.training.batch_size) == (500, CONFIG.dvae.training.batch_size)


def test_sections_that_changes_do_not_name_stay_those_of_the_recipe() -> None:
    smoke = recipes.smoke()
    assert changed(smoke, {"dvae": {"training": {"seed": 1}}}).prior == smoke.prior


@pytest.mark.parametrize("wrong", [{"dvae": {"trainig": {"steps": 5}}}, {"dvae.trainig.steps": 5}])
def test_an_unknown_section_in_changes_names_the_nearest(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=r"There is no setting 'dvae.trainig.*: did you mean 'dvae.training"):
        changed(CONFIG, wrong)


def test_the_differences_of_two_configs_lead_from_one_to_the_other() -> None:
    smoke = recipes.smoke()
    other = assigned(smoke, ["dvae.training.steps=77", 'source=["https://example.org/"]', "sample.top_k=5"])
    found = differences(smoke, other)
    site = SiteSource(address="https://example.org/").model_dump()
    assert found == {
        "dvae": {"training": {"steps": 77}},
        "source": {"sources": [site]},
        "sample": {"top_k": 5},
    }
    assert changed(smoke, found) == other
    assert differences(smoke, smoke) == {}


def test_a_file_holds_changes_and_may_name_its_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("recipe: smoke\ndvae:\n  training: {steps: 9}\n")
    assert read_file(file) == ("smoke", {"dvae": {"training": {"steps": 9}}})
    file.write_text("dvae.training.steps: 9\n")
    assert read_file(file) == (None, {"dvae.training.steps": 9})
    file.write_text("")
    assert read_file(file) == (None, {})


@pytest.mark.parametrize(
    ("text", "said"), [("- a\n- b\n", "holds no sections"), ("a: [", "is no YAML"), (None, "cannot be read")]
)
def test_a_missing_or_malformed_file_is_refused_with_its_name(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "mine.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=f"mine.yaml {said}"):
        read_file(file)
