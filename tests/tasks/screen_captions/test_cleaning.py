"""What becomes of alt texts before they are judged."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from ftfy import fix_text
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.screen_captions import cleaning
from tasks.screen_captions.boilerplate import CREDIT_HINT, LEADING, TRAILING
from tasks.screen_captions.cleaning import NEEDS_CLEANING, clean, cleaned

_PIECES = """
a fox, in the snow | ( © 2019 Jane Doe / Reuters) - . photo Photo: by via credit: Credits courtesy of Source: NASA
Photographer: Copyright (c) All rights reserved https://a.b www.a.b stock images Getty Shutterstock | iStock Alamy Adobe
Unsplash | Pinterest Flickr royalty-free vector illustration video pic
"""
PIECES = _PIECES.split()

BEYOND_ASCII = "".join(map(chr, range(0x80, 0xD800)))
BETWEEN_PLAIN, LETTERS, MOJIBAKE = (
    "".join(re.findall(f"[{characters}]", BEYOND_ASCII))
    for characters in (cleaning.BETWEEN_PLAIN, cleaning.LETTERS, "".join(MOJIBAKE_CATEGORIES.values()))
)
ANY = st.characters(codec="utf-8")  # no halves of surrogate pairs, which no Arrow string holds
ASCII = st.characters(max_codepoint=0x7F)
SUSPECT = st.sampled_from(MOJIBAKE + BETWEEN_PLAIN)
HARMLESS = st.sampled_from(BETWEEN_PLAIN + LETTERS)


@pytest.mark.parametrize(
    ("alt", "caption"),
    [
        ("fish &amp; chips", "fish & chips"),
        ("fish &amp;amp; chips", "fish & chips"),
        ("itâ€™s a cafÃ© â€” in Paris", "it's a café — in Paris"),
        ("  two\n\tdogs   in the snow ", "two dogs in the snow"),
        ("1 < 2 &lt; 3", "1 < 2 < 3"),
        ("a\u0301", "\u00e1"),
        ("\u201ccurly\u201d \ufb01sh", '"curly" fish'),
        ("zero\u200bwidth", "zero\u200bwidth"),
    ],
)
def test_alt_texts_are_repaired(alt, caption):
    assert clean(alt) == caption


@pytest.mark.parametrize(
    ("alt", "caption"),
    [
        ("photo credit: A. Person, a fox in the snow", "a fox in the snow"),
        ("a fox in the snow. Photo credit: Jane Doe", "a fox in the snow"),
        ("a fox in the snow (Photo: Jane Doe / Reuters)", "a fox in the snow"),
        ("Photo by Jane van Doe: a fox in the snow", "a fox in the snow"),
        ("Image courtesy of the Smithsonian, a stone axe", "a stone axe"),
        ("Source: NASA, the earth from the moon", "the earth from the moon"),
        ("a fox in the snow \u00a9 2019 Jane Doe. All rights reserved.", "a fox in the snow"),
        ("a fox in the snow | Getty Images", "a fox in the snow"),
        ("a fox in the snow - stock photo", "a fox in the snow"),
        ("Royalty-free stock photo of a fox in the snow", "a fox in the snow"),
        ("photo by the lake at night", "photo by the lake at night"),
        ("Photo: Golden Gate Bridge in fog", "Photo: Golden Gate Bridge in fog"),
        ("a woman looking at Pinterest", "a woman looking at Pinterest"),
        ("Copyright 2019", "Copyright 2019"),
    ],
)
def test_credits_at_either_end_are_cut_off(alt, caption):
    assert cleaned([alt]).to_pylist() == [caption]


@pytest.mark.parametrize(
    "characters", [st.characters(codec="utf-8"), ASCII, ASCII | SUSPECT, ASCII | HARMLESS, HARMLESS]
)
@hypothesis_settings(deadline=None)
@given(st.data())
def test_what_skips_the_cleaning_would_not_be_changed_by_it(characters, data):
    text = data.draw(st.text(characters, max_size=12))
    if not _needs_cleaning(text):
        assert clean(text) == text


def test_no_character_that_skips_the_cleaning_looks_like_a_wrong_decoding_between_any_two_of_ascii():
    assert clean(LETTERS) == LETTERS
    kinds = " aZ0.,?!'-/"
    for character in BETWEEN_PLAIN:
        text = "".join(f"{before}{character}{after}/" for before in kinds for after in kinds)
        assert not is_bad(text), character
        assert fix_text(text) == text, character


@pytest.mark.parametrize(
    "caption", ["a café \u2013 naïve, à la carte", "кошка на окне", "富士山と桜", "고양이 한 마리"]
)
def test_most_texts_in_other_letters_skip_the_cleaning(caption):
    assert not _needs_cleaning(caption)


def _needs_cleaning(text: str) -> bool:
    return pc.match_substring_regex(pa.array([text]), NEEDS_CLEANING)[0].as_py()


@pytest.mark.parametrize("pattern", [LEADING, TRAILING])
@hypothesis_settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=5))
def test_what_is_not_searched_for_credits_holds_none(pattern, pieces):
    caption = pa.array([" ".join(pieces)])
    if pc.match_substring_regex(caption, pattern)[0].as_py():
        assert pc.match_substring_regex(caption, CREDIT_HINT)[0].as_py(), caption
