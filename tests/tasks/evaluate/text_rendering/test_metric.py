"""How often words can be read, by hand."""

import pytest
from support.evidence import evidence, judged

from tasks.evaluate.probes import ProbeTrials
from tasks.evaluate.text_rendering import metric
from tasks.evaluate.text_rendering.trial import OcrTrial

TRIAL = ProbeTrials(OcrTrial("an ocr 1.0", {"open": ["Open", "open"], "tea": ["tea", "te"]}, {"open": ["", ""]}))


def read(prompt_id: int, words: str, *readings: str) -> list[dict]:
    """The candidates of a prompt for words, best by the ranker first, with what is read; the last was drawn first."""
    rows = judged(prompt_id, [None] * len(readings), "words", prompt=f'a sign that says "{words}"')
    return [row | {"words_read": reading} for row, reading in zip(rows, readings, strict=True)]


def test_the_share_read_exactly_stands_between_chance_and_ceiling():
    rows = read(0, "open", "OPEN!", "opon", "", "open") + read(1, "tea", "", "", "open", "")
    exact = metric.measure(evidence(rows, probes=TRIAL)).exact
    assert (exact.best.value, exact.uncurated.value) == (0.5, 0.25)
    assert (exact.rendered.value, exact.rebuilt.value) == (0.75, 0)
    assert exact.by_chance.value == pytest.approx((0 + 0.0) / 2 + 0.125)  # "open" is read in 1 of 4 pictures of "tea"
    assert (exact.best.n, exact.rendered.n, exact.rebuilt.n) == (2, 2, 1)


def test_character_errors_are_means_over_prompts():
    rows = read(0, "open", "open", "opon") + read(1, "tea", "", "teas")
    errors = metric.measure(evidence(rows, probes=TRIAL)).errors
    assert errors.best.value == pytest.approx((0 + 1) / 2)
    assert errors.uncurated.value == pytest.approx((1 / 8 + (1 + 1 / 3) / 2) / 2)
    assert errors.rendered.value == pytest.approx((0 + 1 / 6) / 2)
    assert errors.rebuilt.value == 1


def test_nothing_read_is_counted_and_said_below_the_picture():
    found = metric.measure(evidence(read(0, "open", "open", "", "", ""), probes=TRIAL))
    assert found.unread.value == 0.75
    first, best = found.drawings.prompts[0].samples
    assert (first.index, first.said, first.is_right) == (0, "nothing read", False)
    assert (best.index, best.said, best.is_right) == (3, "read: open", True)


def test_one_text_alone_has_no_other_pictures_to_be_read_in_by_chance():
    found = metric.measure(evidence(read(0, "open", "open") + read(1, "open", "x"), probes=TRIAL))
    assert found.exact.by_chance is found.errors.by_chance is None


def test_without_an_ocr_or_a_prompt_for_words_there_is_no_figure():
    assert metric.measure(evidence(judged(0, [None]))) is None
    assert metric.measure(evidence(judged(0, [None]), probes=TRIAL)) is None
