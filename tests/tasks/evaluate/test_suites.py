"""Scores of the prompts of suites: by category, none chosen, and beside the others without being mixed with them."""

from dataclasses import replace

import numpy as np
import pytest
from support.evidence import evidence, judged
from support.finished_run import FinishedRun, evaluated, finished_run

from tasks.engine import storage
from tasks.evaluate import means, suites
from tasks.evaluate.figures import METRICS, Evaluation
from tasks.report.config import Config
from tasks.report.facts import gather
from tasks.report.page import render
from tasks.settings import Settings

CATEGORIES = ("Colors", "Counting")
PROMPTS = [("drawbench", f"thing {i} of a suite", CATEGORIES[i % 2]) for i in range(12)]


def drawn(prompt_id: int, category: str | None, *scores: float, challenge: str | None = None) -> list[dict]:
    """The candidates of a prompt of a suite, best first, with scores by the ranker."""
    rows = judged(prompt_id, [None] * len(scores), "own", category=category, challenge=challenge)
    return [row | {"score": score, "pair_id": None} for row, score in zip(rows, scores, strict=True)]


def test_the_score_of_a_category_is_the_mean_over_its_prompts_of_all_their_drawings():
    rows = [row for i in range(5) for row in drawn(i, "few", 0.3, 0.1)]
    rows += [row for i in range(5, 11) for row in drawn(i, "many", 0.5, 0.3, challenge="Basic")]
    rows += drawn(11, "rare", 0.9, 0.9)
    found = suites.measure(evidence(rows))
    own = found.suites["own"]
    assert (found.scored_by, own.prompts) == ("the ranker", 12)
    assert {name: (each.value, each.n) for name, each in own.by_category.items()} == {
        "few": (pytest.approx(20), 5),
        "many": (pytest.approx(40), 6),
    }
    assert list(own.by_challenge) == ["Basic"]
    assert own.drawn.value == pytest.approx((5 * 20 + 6 * 40 + 90) / 12)
    assert own.best.value == pytest.approx((5 * 30 + 6 * 50 + 90) / 12)


def test_the_second_model_scores_where_there_is_one():
    rows = [row | {"scorer_score": 0.2} for i in range(5) for row in drawn(i, "few", 0.9, 0.8)]
    found = suites.measure(evidence(rows, scorer="a clip"))
    assert (found.scored_by, found.suites["own"].drawn.value) == ("a clip", pytest.approx(20))


def test_only_prompts_of_suites_count():
    assert suites.measure(evidence(judged(0, [True], "fixed") + judged(1, [True], "train"))) is None


def test_a_score_that_is_no_number_is_left_out():
    rows = [row for i in range(5) for row in drawn(i, "few", 0.3, float("nan") if i == 0 else 0.1)]
    own = suites.measure(evidence(rows)).suites["own"]
    assert (own.prompts, own.drawn.n, own.by_category) == (5, 4, {})


def test_drawings_are_right_where_the_judge_of_compositions_can_tell():
    told = [row | {"wrong": [] if i % 2 else ["thing"]} for i in range(4) for row in drawn(i, None, 0.3)]
    own = suites.measure(evidence([*told, *drawn(4, None, 0.3)])).suites["own"]
    assert (own.right.value, own.right.n) == (0.5, 4)


@pytest.mark.parametrize("skewed", [False, True])
def test_the_interval_of_the_smallest_category_holds_the_truth(skewed: bool):
    """Scores of CLIP scatter around 25 points; a category of which some prompts cannot be drawn has a tail."""
    random = np.random.default_rng(3)
    draws = random.gamma(8.0, 1.0, (2000, suites.MIN_PROMPTS)) if skewed else random.normal(8, 3, (2000, 5))
    found = [means.mean(own.tolist()) for own in draws]
    assert np.mean([each.low <= 8.0 <= each.high for each in found]) >= 0.93


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)
    made = finished_run(settings, candidates=2, suites=PROMPTS)
    made.artifacts["evaluate"] = evaluated(made)
    return made


def test_prompts_of_suites_change_no_figure_of_the_others(run, settings):
    def figures(made: FinishedRun) -> dict:
        content = storage.read_bytes(evaluated(made).file(METRICS))
        return Evaluation.model_validate_json(content).model_dump()

    with_suites, without = figures(run), figures(finished_run(settings, candidates=2))
    assert with_suites["suites"]["suites"]["drawbench"]["by_category"].keys() == set(CATEGORIES)
    for name in ("hits", "true_distance", "memorisation", "reconstruction", "codes"):
        assert with_suites[name] == without[name]


def test_the_report_shows_scores_by_category_and_a_folded_gallery_of_bounded_size(run):
    facts = gather([run.artifacts["evaluate"]])
    page = render(Config(suite_prompts=5), facts)
    assert '<a href="#suites">Suites, prompt by prompt</a>' in page
    gallery = page.split('id="suites"')[1].split("</section>")[0]
    assert gallery.count("<figure>") == 5
    assert "<h4>drawbench</h4>" in gallery
    assert gallery.count("<small>Colors</small>") + gallery.count("<small>Counting</small>") == 5
    assert 'id="figures-suites"' in page
    assert "By category" in page
    assert 'id="suites"' not in render(Config(), replace(facts, stages={}))
