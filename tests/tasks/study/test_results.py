"""Figures of a study from its raters' files."""

from pathlib import Path

import numpy as np
import pytest
from support.study import correlated_votes, csv_file, row, study_key

from tasks.study.answers import read_answers
from tasks.study.figures import StudyResults, read_results
from tasks.study.power import power
from tasks.study.results import study_results, vote_correlation
from tasks.study.results_page import results_page

NOBODY = ""


def results(tmp_path: Path, said: list[list[tuple[str, str]]]) -> StudyResults:
    """Of raters' answers about pairs, as sides for realism and caption."""
    key = study_key(len(said[0]))
    files = []
    for i, answers in enumerate(said):
        rows = [row(key, f"r{i}", n, *each) for n, each in enumerate(answers, 1) if any(each)]
        files.append(csv_file(tmp_path / f"{i}.csv", rows))
    return study_results(key, read_answers(files, key))


def test_the_majority_decides_a_pair_and_ties_and_neither_are_told(tmp_path: Path) -> None:
    found = results(
        tmp_path,
        [
            [("a", "a"), ("a", "neither"), ("b", "b"), ("a", "neither")],
            [("a", "a"), ("b", "neither"), ("b", "a"), ("b", "a")],
            [("b", "b"), ("a", "neither"), ("b", NOBODY), (NOBODY, "b")],
        ],
    ).figures
    realism, caption = found.realism, found.caption
    assert realism is not None
    assert caption is not None
    assert (realism.wins_a, realism.wins_b, realism.ties) == (2, 1, 1)
    assert realism.majority is not None
    assert realism.majority.value == pytest.approx(2 / 3)
    assert realism.p_value == 1.0
    assert realism.votes.value == pytest.approx((2 / 3 + 2 / 3 + 0 + 1 / 2) / 4)
    assert (caption.wins_a, caption.wins_b, caption.ties) == (1, 0, 3)
    assert caption.votes.value == pytest.approx((2 / 3 + 1 / 2 + 1 / 2 + 1 / 2) / 4)
    assert (found.raters, found.pairs) == (3, 4)


def test_agreement_is_of_the_answers_as_given_and_correlation_of_the_sides(tmp_path: Path) -> None:
    """All say A throughout: they agree fully on which picture it is, and A or B has no scatter that could correlate."""
    found = results(tmp_path, [[("a", "a")] * 8] * 3).figures.realism
    assert found is not None
    assert found.agreement is not None
    assert found.agreement.value == 1.0
    assert found.correlation == 0.2
    assert found.majority is not None
    assert found.majority.low == pytest.approx(0.025 ** (1 / 8))


def test_the_correlation_of_votes_is_found_again() -> None:
    votes = correlated_votes(np.random.default_rng(1), 5, 4000, 0.7, 0.3)
    assert vote_correlation(votes) == pytest.approx(0.3, abs=0.03)


def test_the_power_told_is_that_of_this_study(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    said = [[("a" if vote else "b", NOBODY) for vote in rater] for rater in correlated_votes(random, 5, 30, 0.6, 0.2)]
    found = results(tmp_path, said)
    realism = found.figures.realism
    assert realism is not None
    [line] = realism.power.lines
    assert line.y[line.x.index(60.0)] == pytest.approx(power(5, 30, 0.6, realism.correlation))
    assert "With 5 raters and 30 pairs a true preference of 60% is found with probability" in realism.power.note
    assert found.figures.caption is None


def test_results_are_read_again_and_their_page_stands_alone(tmp_path: Path) -> None:
    said = [[("a", "b"), ("b", "neither"), ("a", "a")], [("a", "b"), ("b", "b"), ("b", "a")]]
    found = results(tmp_path, said)
    (tmp_path / "results.json").write_text(found.model_dump_json())
    assert read_results(tmp_path / "results.json") == found
    page = results_page(found)
    assert "://" not in page.replace("http://www.w3.org", "")
    for words in ("Krippendorff&#39;s alpha", "Pairs that A wins by majority", "What this many raters and pairs find"):
        assert words in page
    assert "6 rows were read: 6 counted, 0 about checks, 0 left out." in page


def test_one_rater_and_one_pair_are_no_failure(tmp_path: Path) -> None:
    found = results(tmp_path, [[("a", "neither")]])
    assert found.figures.realism is not None
    assert found.figures.realism.agreement is None
    assert found.figures.realism.other_raters is None
    assert found.figures.caption is not None
    assert found.figures.caption.majority is None
    assert "1 rater" in results_page(found)
