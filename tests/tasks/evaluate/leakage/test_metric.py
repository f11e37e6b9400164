"""The figures of leaks move with what leaks, and the page shows each pair side by side."""

import pytest
from PIL import Image
from support.evidence import evidence
from support.finished_run import FinishedRun, emoji_pairs, evaluated, finished_run
from support.report_page import assert_readable

from models.training.images import decode
from tasks.engine import storage
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.evaluate.leakage.metric import Leakage, measure
from tasks.evaluate.leakage.trial import made
from tasks.report.config import Config
from tasks.report.facts import gather
from tasks.report.page import render


@pytest.fixture
def pairs() -> list[dict]:
    return emoji_pairs(30)


def run_with(settings, pairs: list[dict], leaked: int) -> FinishedRun:
    """A run with six held-out pictures, of which so many are in training too: the same file, smaller, cropped."""
    whats = [None, "half the size", "cropped by 8% all around"]
    copies = [
        pair | {"pair_id": f"c{pair['pair_id'][1:]}", "caption": f"copy {number}", "image": copy_of(pair, what)}
        for number, (pair, what) in enumerate(zip(pairs[24:][:leaked], whats, strict=False))
    ]
    return finished_run(settings, packed=([*pairs[:24], *copies], pairs[24:]))


def copy_of(pair: dict, what: str | None) -> bytes:
    return made(Image.fromarray(decode(pair["image"])))[what]() if what else pair["image"]


def leakage(artifact) -> Leakage:
    return Evaluation.model_validate_json(storage.read_bytes(artifact.file(METRICS))).leakage


@pytest.mark.parametrize("leaked", [0, 1, 3])
def test_the_share_of_leaks_is_that_of_the_copies_in_training(settings, pairs, leaked):
    found = leakage(evaluated(run_with(settings, pairs, leaked)))
    assert found.held_out.copied == leaked
    assert found.held_out.any.value == pytest.approx(leaked / 6)
    assert found.held_out.any.n == 6
    assert found.held_out.same_file.value == pytest.approx(min(leaked, 1) / 6)
    assert found.before is None  # this run's duplicates were not dropped by dedup
    assert len(found.leaked.prompts if found.leaked else ()) == leaked


def test_the_page_shows_what_leaks_beside_its_copy(settings, pairs):
    run = run_with(settings, pairs, leaked=3)
    page = render(Config(), gather([evaluated(run)]))
    section = page[page.index('id="figures-leakage"') :]
    shown = section[section.index("Still in training") : section.index("</section>")]
    assert shown.count('class="pic s') == 6
    assert shown.count('title="without its margins"') == 2
    assert page.index('<section id="trust">') < page.index('id="figures-leakage"')
    assert_readable(page)


def test_without_held_out_pictures_there_is_no_such_figure():
    assert measure(evidence([])) is None
