"""What prompts ask to be written, and how far from it a reading is."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluate.text_rendering.spelling import asked_words, character_error_rate, edits, plain_words

WORDS = st.text("abc ", max_size=6)


@cache
def fewest(a: str, b: str) -> int:
    """The same by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(fewest(a[1:], b) + 1, fewest(a, b[1:]) + 1, fewest(a[1:], b[1:]) + (a[0] != b[0]))


@settings(deadline=None)
@given(WORDS, WORDS)
def test_edits_are_the_fewest_by_definition(a, b):
    assert edits(a, b) == edits(b, a) == fewest(a, b)


def test_the_error_rate_is_zero_when_right_and_one_when_nothing_or_only_noise_is_read():
    assert character_error_rate("open", "open") == 0
    assert character_error_rate("open", "opon") == 0.25
    assert character_error_rate("open", "") == 1
    assert character_error_rate("open", "xxxxxxxx") == 1


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ('a sign that says "Open!"', "open"),
        ("a sign that says “Hello, World”", "hello world"),
        ('"one" above "two"', "one two"),
        ("a sign that says open", None),
        ('a sign that says "!"', None),
        ("the dog's \"", None),
    ],
)
def test_a_prompt_asks_for_what_it_has_in_double_quotes(prompt, asked):
    assert asked_words(prompt) == asked


def test_case_punctuation_and_spaces_do_not_count():
    assert plain_words(" Stop-here,\nNOW_ ") == "stop here now"
