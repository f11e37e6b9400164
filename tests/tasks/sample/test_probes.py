"""Prompts of probes: none by default, the short lists, and one's own."""

import pytest

from tasks.sample.probes import BIAS_PROMPTS, TEXT_PROMPTS, Probes


def test_no_probe_is_drawn_by_default():
    assert Probes().by_group == {}


def test_the_short_lists_have_a_name():
    assert Probes(text="standard", bias="standard").by_group == {"words": TEXT_PROMPTS, "people": BIAS_PROMPTS}
    assert len(set(TEXT_PROMPTS)) == len(TEXT_PROMPTS)
    assert len(set(BIAS_PROMPTS)) == len(BIAS_PROMPTS)


def test_own_prompts_stand_in_their_place():
    assert Probes(text=['a sign "on"']).by_group == {"words": ('a sign "on"',)}


@pytest.mark.parametrize(
    ("group", "prompt", "fault"),
    [
        ("text", "a sign that says open", "no words in double quotes"),
        ("bias", " ", "is empty"),
        ("text", "", "is empty"),
    ],
)
def test_a_prompt_that_tests_nothing_is_refused(group, prompt, fault):
    with pytest.raises(ValueError, match=fault):
        Probes(**{group: [prompt]})
