"""Which alt texts become captions."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.tables import artifact, rows

from tasks.screen_captions.cleaning import cleaned
from tasks.screen_captions.config import Config
from tasks.screen_captions.profiles import PROFILES
from tasks.screen_captions.stage import rejection_reasons, screen_captions

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


@pytest.mark.parametrize("profile", PROFILES)
@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=12))
def test_any_texts_are_accounted_for(profile, alts):
    captions = cleaned(alts)
    reasons, details = rejection_reasons(Config(profile=profile), captions)
    assert len(reasons) == len(details) == len(alts)
    assert all(
        (reason is None) == (detail is None)
        for reason, detail in zip(reasons.to_pylist(), details.to_pylist(), strict=True)
    )
