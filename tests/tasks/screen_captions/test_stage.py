"""Which alt texts become captions."""

import json
from pathlib import Path

import ftfy
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.tables import artifact, rows

from tasks.screen_captions.config import Config
from tasks.screen_captions.stage import _needs_repair, clean, cleaned, rejection_reasons, screen_captions

GOLDEN: dict[str, list[str]] = json.loads((Path(__file__).parent / "golden_captions.json").read_text())


def rejection_reason(caption: str) -> str | None:
    reasons, _ = rejection_reasons(Config(), cleaned([caption]))
    return reasons[0].as_py()


@pytest.mark.parametrize(("reason", "caption"), [(reason, caption) for reason in GOLDEN for caption in GOLDEN[reason]])
def test_golden_captions_are_kept_or_rejected_as_listed(reason, caption):
    assert (rejection_reason(caption) or "kept") == reason


@pytest.mark.parametrize("caption", ["word " * 300, "w" * 1001 + " is a word"])
def test_a_long_caption_is_refused(caption):
    assert rejection_reason(caption) == "too_long"


@pytest.mark.parametrize(
    ("alt", "caption"),
    [
        ("fish &amp; chips", "fish & chips"),
        ("fish &amp;amp; chips", "fish & chips"),
        ("itâ€™s a cafÃ© â€” in Paris", "it's a café — in Paris"),
        ("  two\n\tdogs   in the snow ", "two dogs in the snow"),
        ("1 < 2 &lt; 3", "1 < 2 < 3"),
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


@given(st.text(st.characters(max_codepoint=0x7F), max_size=60))
def test_what_skips_the_repair_would_not_be_changed_by_it(text):
    if not _needs_repair(text):
        assert " ".join(ftfy.fix_text(text).split()) == clean(text)


def test_rejects_name_the_value_that_decided(settings):
    alts = ["cat", "taken on 2019-05-12", "le chien dort dans le jardin", "two dogs playing in the snow"]
    screened = screen_captions(
        Config(), settings, candidates=artifact("candidates", settings, [{"alt": a} for a in alts])
    ).artifact
    details = {row["reason"]: row["detail"] for row in rows(screened, "rejects")}
    assert details["too_short"] == "3 characters"
    assert details["boilerplate"] == "100 % stock phrases"
    assert details["not_english"].startswith("fr ")
    assert [row["caption"] for row in rows(screened, "captions")] == ["two dogs playing in the snow"]


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=12))
def test_any_texts_are_accounted_for(alts):
    captions = cleaned(alts)
    reasons, details = rejection_reasons(Config(), captions)
    assert len(reasons) == len(details) == len(alts)
    assert all(
        (reason is None) == (detail is None)
        for reason, detail in zip(reasons.to_pylist(), details.to_pylist(), strict=True)
    )
