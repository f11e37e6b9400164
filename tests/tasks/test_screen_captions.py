"""Which alt texts become captions."""

import ftfy
import pyarrow as pa
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from tables import artifact, rows

from tasks.screen_captions import Config, _needs_repair, clean, screen_captions, verdicts

KEPT = (
    "a 3D emoji of a red apple, one of the fruits",
    "a red apple lies on the old kitchen table",
    "two dogs playing in the snow",
    "Sunset over the lake, with mountains in the background",
    "Photo of a woman riding a horse along the beach",
    "stock photo of an old man reading a newspaper in the park",
    "the pirates captured in the bay of Tortuga",
    "a café in Paris with people at the tables",
    "The Eiffel Tower on 14 July 2010, with fireworks above the river",
    "loading dock of the harbour at night",
    "an image of the Virgin Mary above the altar of the church",
    "May flowers in the garden of my grandmother",
    "photo by the lake where the children used to swim",
)

BOILERPLATE = (
    "image", "Photo", "picture 12", "[image]", "logo", "photos",
    "photographed on 12 May 2019", "Photographed on May 12, 2019", "photographed 12th of May 2019",
    "taken on 2019-05-12", "Taken on 12/05/2019", "taken 12.05.19 at 14:05", "Photo taken on Sunday, 12 May 2019",
    "uploaded on 3rd January 2021", "posted on Tuesday, 5 March 2013 at 2:05 pm", "captured on June 2016",
    "12 May 2019", "May 12 2019", "2019/05/12 10:15:31", "September 2004", "Sept. 4th, 2004", "last modified 30 Nov. 2009",
    "click to enlarge", "Click here to enlarge picture", "click image to zoom", "tap to expand",
    "stock photo", "royalty-free stock image", "free vector icon download", "embedded image permalink",
    "profile photo", "site logo", "placeholder image", "avatar of the user", "no image available", "untitled",
    "IMG_20190512_094133.jpg", "DSC_0042", "red-apple-final.png", "https://example.com/a/b.jpg", "www.example.com",
    "Copyright © 2018. All rights reserved.", "Screenshot 2020-02-29 at 10.15.31", "advertisement",
    "image of the day", "photo credit: Jane Doe", "loading image, please wait",
)  # fmt: skip

TOO_SHORT = ("cat", "", "a", "x y", "my dog", "emoji", "nice one")
TOO_LONG = ("word " * 300, "w" * 1001 + " is a word")
NOT_ENGLISH = (
    "ein roter Apfel auf dem Tisch", "le chien dort dans le jardin", "el perro duerme en el jardín",
    "una mela rossa sul tavolo della cucina", "o cachorro dorme no jardim da avó", "een rode appel op de tafel",
    "ett rött äpple ligger på bordet", "czerwone jabłko leży na stole", "masanın üzerinde kırmızı bir elma",
    "punainen omena keittiön pöydällä", "een kleine kat in de tuin", "một quả táo đỏ ở trên bàn",
    "красное яблоко лежит на столе", "台所のテーブルの上に赤いりんごがあります", "桌子上有一个红苹果", "부엌 식탁 위에 빨간 사과",
    "تفاحة حمراء على الطاولة", "मेज पर एक लाल सेब है", "κόκκινο μήλο πάνω στο τραπέζι", "תפוח אדום על השולחן",
)  # fmt: skip


def verdict(caption: str) -> str | None:
    reasons, _ = verdicts(Config(), pa.array([clean(caption)]))
    return reasons[0].as_py()


@pytest.mark.parametrize("caption", KEPT)
def test_an_english_sentence_is_kept(caption):
    assert verdict(caption) is None


@pytest.mark.parametrize(
    ("caption", "reason"),
    [(caption, "boilerplate") for caption in BOILERPLATE]
    + [(caption, "too_short") for caption in TOO_SHORT]
    + [(caption, "too_long") for caption in TOO_LONG]
    + [(caption, "not_english") for caption in NOT_ENGLISH],
)
def test_a_bad_caption_is_refused_with_its_reason(caption, reason):
    assert verdict(caption) == reason


def test_at_least_95_of_100_short_english_captions_are_kept():
    """cld3 alone refuses most of these: to it "a photo of a sofa" is Corsican."""
    things = "dog cat house tree car bridge boat horse bird apple sofa lamp train cup hat book clock sheep truck violin".split()
    forms = ("a photo of a {}", "a red {} on a table", "an old {} in the rain", "two {}s in a field", "the {} of my friend")
    captions = [form.format(thing) for form in forms for thing in things]
    assert sum(verdict(caption) is None for caption in captions) >= 95


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
    screened = screen_captions(Config(), settings, candidates=artifact("candidates", settings, [{"alt": a} for a in alts]))
    details = {row["reason"]: row["detail"] for row in rows(screened, "rejects")}
    assert details["too_short"] == "3 characters"
    assert details["boilerplate"] == "100 % stock phrases"
    assert details["not_english"].startswith("fr ")
    assert [row["caption"] for row in rows(screened, "captions")] == ["two dogs playing in the snow"]


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=12))
def test_any_texts_are_accounted_for(alts):
    captions = pa.array([clean(alt) for alt in alts], pa.string())
    reasons, details = verdicts(Config(), captions)
    assert len(reasons) == len(details) == len(alts)
    assert all((reason is None) == (detail is None) for reason, detail in zip(reasons.to_pylist(), details.to_pylist()))
