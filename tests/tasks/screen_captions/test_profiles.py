"""The named sets of rules: which rules each has, what each rule rejects, and that all of it can be changed."""

import pytest
from pydantic import ValidationError

from flows.changes import assigned
from flows.config import PipelineConfig
from tasks.screen_captions.cleaning import cleaned
from tasks.screen_captions.config import Config
from tasks.screen_captions.profiles import PROFILES
from tasks.screen_captions.rules import RULES
from tasks.screen_captions.stage import rejection_reasons

# What Sharma et al. 2018 show as kept; it became "pop artist performs at the festival in a city".
KEPT_BY_THE_PAPER = (
    "Musician Justin Timberlake performs at the 2017 Pilgrimage Music & Cultural Festival on September 23, 2017 in "
    "Franklin, Tennessee."
)


def judged(profile: str, caption: str) -> tuple[str | None, str | None]:
    reasons, details = rejection_reasons(Config(profile=profile), cleaned([caption]))
    return reasons[0].as_py(), details[0].as_py()


@pytest.mark.parametrize(
    ("caption", "reason", "detail"),
    [
        ("A photo for my profile, or profile photo", "boilerplate", "a stock phrase at an end"),
        ("a red fox in the snow", "not_capitalised", "a"),
        ("Designart Blue Fractal Sky With Blur Stars - 6 Panels", "capitalised", "89 % words with a capital"),
        ("A dog, the dog, another dog and a dog", "repetitive", "60 % repeated words"),
        ("The cat and the dog and the hen and the cow at the barn", "repetitive", "57 % different words"),
        ("A woman in panties on a beach", "profane", "a word of the list"),
        ("Ein roter Apfel auf dem Tisch", "not_english", None),
        ("A view of the Schnibbelquarz in the sun", "rare_word", "Schnibbelquarz"),
        ("A red and tall one", "part_missing", "no noun, no preposition"),
        ("Foyer painted in white", "part_missing", "no determiner"),
        ("A table lamp, chair, sofa, shelf, curtain for sale", "too_many_nouns", "78 % nouns"),
        ("A view of the worst car in the world", "strong_sentiment", "sentiment -1.00"),
    ],
)
def test_each_rule_of_conceptual_captions_names_what_it_rejects(caption, reason, detail):
    assert judged("cc3m", caption)[0] == reason
    if detail is not None:
        assert judged("cc3m", caption)[1] == detail


@pytest.mark.parametrize("caption", [KEPT_BY_THE_PAPER, "A man riding a dark horse over a wooden fence."])
def test_conceptual_captions_keeps_what_its_authors_kept(caption):
    assert judged("cc3m", caption) == (None, None)


def test_conceptual_12m_lets_pass_what_it_relaxed():
    assert judged("cc12m", "a red and tall tower") == (None, None)  # no capital letter, no preposition
    assert judged("cc12m", "Red towers painted in white")[0] == "part_missing"


@pytest.mark.parametrize(("caption", "reason"), [("a cat", "too_short"), ("ab cd", "too_short"), ("a b cd", None)])
def test_datacomp_asks_for_over_two_words_and_over_five_characters(caption, reason):
    assert judged("datacomp", caption)[0] == reason


def test_a_hyphenated_word_is_not_two_that_may_be_profane():
    assert judged("cc3m", "He leans against the water-butt in the garden") == (None, None)


def test_every_rule_has_a_parameter_of_its_own_and_every_profile_names_rules():
    parameters = [rule.parameter for rule in RULES]
    assert sorted(parameters) == sorted(Config.model_fields.keys() - {"profile", "transform"})
    assert all(profile.keys() <= set(parameters) for profile in PROFILES.values())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_a_valid_config_and_the_same_as_its_values_written_out(profile):
    written_out = Config(profile="datacomp" if profile != "datacomp" else "dalle", **PROFILES[profile])
    if profile in ("cc3m", "cc12m", "dalle"):
        assert Config(profile=profile).fingerprinted() == written_out.fingerprinted()


def test_a_given_value_replaces_the_profiles_and_false_ends_a_rule():
    config = Config(profile="cc3m", max_capitals=0.9, capital_first=False)
    assert config.in_force["max_capitals"] == 0.9
    assert "capital_first" not in config.in_force
    assert rejection_reasons(config, cleaned(["a red fox in the snow"]))[0].to_pylist() == [None]


def test_a_profile_is_chosen_in_one_setting_whatever_the_others_are():
    config = assigned(PipelineConfig(), ["screen_captions.profile=cc3m", "screen_captions.max_nouns=0.7"])
    assert config.screen_captions.in_force == {**PROFILES["cc3m"], "max_nouns": 0.7}


def test_an_unknown_profile_is_refused():
    with pytest.raises(ValidationError, match="'dalle', 'cc3m', 'cc12m' or 'datacomp'"):
        Config(profile="laion")
