"""A human study has a section in the report of a run, and counts by its content."""

import json
from pathlib import Path

import pytest
from support.finished_run import finished_run
from support.study import csv_file, row, study_key

from tasks.engine import storage
from tasks.errors import SourceError
from tasks.report.config import Config
from tasks.report.stage import report
from tasks.settings import Settings
from tasks.study.answers import read_answers
from tasks.study.results import study_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    key = study_key(4)
    rows = [row(key, rater, n, "a", "b") for rater in ("Ann Example", "bob") for n in range(1, 5)]
    found = study_results(key, read_answers([csv_file(tmp_path / "a.csv", rows)], key))
    (tmp_path / "results.json").write_text(found.model_dump_json())
    return tmp_path / "results.json"


def test_the_report_has_a_section_with_its_figures_that_does_not_name_the_raters(
    settings: Settings, results: Path
) -> None:
    samples = finished_run(settings, train=8, val=2, train_prompts=2, candidates=1).artifacts["rerank"]
    made = report(Config(study=str(results)), settings, samples=samples).artifact
    page, figures = (storage.read_bytes(made.file(name)).decode() for name in ("index.html", "report.json"))
    assert '<a href="#figures-study">Human study</a>' in page
    assert "Pairs that A wins by majority" in page
    assert json.loads(figures)["study"] == json.loads(results.read_text())["figures"]
    assert "Ann Example" in results.read_text()
    assert "Ann Example" not in page + figures


def test_it_counts_by_its_content_and_a_run_without_one_is_as_before(results: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.json"
    moved.write_text(results.read_text())
    one, two = Config(study=str(results)), Config(study=str(moved))
    assert (one.fingerprinted(), one.outside_state()) == (two.fingerprinted(), two.outside_state())
    assert "study" not in Config().fingerprinted()
    assert Config().outside_state() == ""
    moved.write_text(results.read_text().replace('"ours"', '"other"'))
    assert one.outside_state() != two.outside_state()


def test_results_that_are_not_there_are_told_before_a_run(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="write it with `dalle study read`"):
        Config(study=str(tmp_path / "none.json")).require()
