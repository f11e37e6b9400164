"""The real OCR: it reads words set in type at the size of the samples, also as samples of the real stages."""

import numpy as np
import pytest
from support.finished_run import FEW_CHOICES, evaluated, finished_run
from support.probes import draw_too
from support.tiny_models import tiny_tokenizer

from tasks.engine import storage
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.text_rendering.ocr import read_words
from tasks.evaluate.text_rendering.rendered import INKS, renderings
from tasks.evaluate.text_rendering.spelling import asked_words, plain_words
from tasks.evaluate.text_rendering.trial import try_ocr
from tasks.report.config import Config as ReportConfig
from tasks.report.stage import report
from tasks.sample.probes import TEXT_PROMPTS

pytest.importorskip("rapidocr", reason="pip install -c constraints.txt -e '.[ocr]'")
SIDE_PX = 64
BLANK = np.full((SIDE_PX, SIDE_PX, 3), 200, np.uint8)


def first_rendering(words: str) -> np.ndarray:
    return next(renderings(words, SIDE_PX))


def test_it_reads_all_words_of_the_short_list_in_pictures_of_64_pixels():
    asked = [words for prompt in TEXT_PROMPTS if (words := asked_words(prompt))]
    assert len(asked) == len(TEXT_PROMPTS)
    assert [plain_words(read_words(first_rendering(words))) for words in asked] == asked


def test_it_reads_nothing_where_nothing_is_written():
    assert read_words(BLANK) == ""


def test_an_untrained_tokenizer_keeps_no_letters(settings):
    trial = try_ocr(["open", "open"], SIDE_PX, tiny_tokenizer(settings), settings)
    assert trial.model.startswith("rapidocr ")
    assert [plain_words(read) for read in trial.rendered["open"]] == ["open"] * len(INKS)
    assert "open" not in map(plain_words, trial.rebuilt["open"])


def test_samples_are_read_and_the_report_shows_what_is_read(settings):
    run = finished_run(settings, val=2, train_prompts=2)
    drawn = {f'a sign that says "{words}"': [first_rendering(words), BLANK] for words in ("open", "tea")}
    draw_too(run, "words", drawn)
    made = evaluated(run, FEW_CHOICES.model_copy(update={"ocr": "rapidocr"}))
    figures = Evaluation.model_validate_json(storage.read_bytes(made.file(METRICS))).text_rendering
    assert (figures.exact.best.value, figures.exact.uncurated.value) == (1, 0.5)
    assert (figures.exact.rendered.value, figures.exact.by_chance.value, figures.unread.value) == (1, 0, 0.5)
    assert figures.exact.rebuilt.value < 0.5
    page = storage.read_bytes(report(ReportConfig(), settings, evaluate=made).artifact.file("index.html")).decode()
    assert "Words in pictures" in page
    assert page.count("read: open") == 1
    assert page.count("nothing read") == 2
