"""Which alt texts become captions."""

import csv
import io
import json
import zipfile
from pathlib import Path

import ftfy
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.tables import artifact, rows

from tasks.crawl.config import Config as SourceConfig
from tasks.crawl.demo.captions import GROUPS, noun_phrase, plain_name
from tasks.screen_captions.config import Config
from tasks.screen_captions.stage import (
    _identify,
    _needs_repair,
    clean,
    other_language,
    rejection_reasons,
    screen_captions,
)

GOLDEN: dict[str, list[str]] = json.loads((Path(__file__).parent / "golden_captions.json").read_text())


def rejection_reason(caption: str) -> str | None:
    reasons, _ = rejection_reasons(Config(), pa.array([clean(caption)]))
    return reasons[0].as_py()


@pytest.mark.parametrize(("reason", "caption"), [(reason, caption) for reason in GOLDEN for caption in GOLDEN[reason]])
def test_golden_captions_are_kept_or_rejected_as_listed(reason, caption):
    assert (rejection_reason(caption) or "kept") == reason


@pytest.mark.parametrize("caption", ["word " * 300, "w" * 1001 + " is a word"])
def test_a_long_caption_is_refused(caption):
    assert rejection_reason(caption) == "too_long"


def test_a_few_english_words_are_seldom_taken_for_another_language():
    """By cld3 alone "a closed umbrella" is Catalan."""
    with zipfile.ZipFile(SourceConfig().archive_path) as archive:
        table = csv.DictReader(io.StringIO(archive.read("metadata.csv").decode()))
        phrases = [noun_phrase(plain_name(row["name"])) for row in table if row["category"] in GROUPS]
    alone = [_identify(phrase) for phrase in phrases]
    assert sum(language != "en" and confidence >= 0.7 for language, confidence in alone) > 0.3 * len(phrases)
    assert sum(other_language(phrase, 0.7) is not None for phrase in phrases) < 0.05 * len(phrases)


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
    captions = pa.array([clean(alt) for alt in alts], pa.string())
    reasons, details = rejection_reasons(Config(), captions)
    assert len(reasons) == len(details) == len(alts)
    assert all(
        (reason is None) == (detail is None)
        for reason, detail in zip(reasons.to_pylist(), details.to_pylist(), strict=True)
    )
