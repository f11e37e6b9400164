"""`dalle study`: from two folders to a page, from the raters' files to results, and the plan before."""

import json
from pathlib import Path

import pytest
from support.study import PROMPTS, csv_file, row, side_folder
from typer.testing import CliRunner, Result

from flows.cli.app import app
from tasks.study.figures import StudyResults
from tasks.study.page import read_key


def study(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["study", *map(str, words)])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    sides = [side_folder(tmp_path / name, level) for name, level in (("a", 10), ("b", 90))]
    assert study("make", *sides, tmp_path / "out", "--pairs", "4", "--checks", "1").exit_code == 0
    return tmp_path / "out"


def test_make_says_what_to_give_away_and_what_to_keep(tmp_path: Path) -> None:
    sides = [side_folder(tmp_path / "a", 10), side_folder(tmp_path / "b", 90, [*PROMPTS[:4], "another"])]
    result = study("make", *sides, tmp_path / "out", "--seed", "1", "--title", "Cats & dogs")
    pairs, page, key = result.stdout.splitlines()
    assert pairs == "4 pairs; 3 pictures of other prompts are not used"
    assert page.startswith(f"For the raters: {tmp_path}/out/for-raters/index.html")
    assert key == f"Which picture is whose: {tmp_path}/out/key.json  (do not give this to them)"
    assert '"title": "Cats & dogs"' in (tmp_path / "out/for-raters/index.html").read_text()
    assert read_key(tmp_path / "out").seed == 1


def test_without_a_seed_each_study_has_its_own(tmp_path: Path) -> None:
    sides = [side_folder(tmp_path / name, level) for name, level in (("a", 10), ("b", 90))]
    for out in ("one", "two"):
        study("make", *sides, tmp_path / out)
    assert read_key(tmp_path / "one").seed != read_key(tmp_path / "two").seed


def test_read_counts_and_says_what_it_left_out(made: Path, tmp_path: Path) -> None:
    key = read_key(made)
    rows = [row(key, rater, pair.number, "a", "neither") for rater in ("ann", "bob") for pair in key.pairs]
    file = csv_file(tmp_path / "answers.csv", [*rows, rows[0]])
    result = study("read", made, file)
    assert result.exit_code == 0, result.stderr
    assert f"Left out: {file}: 1 row: the same answer is given twice." in result.stderr
    assert "2 raters, 4 pairs" in result.stdout
    assert (
        "More realistic: A wins 100% (40\N{EN DASH}100%) of the decided pairs by majority "
        "(4 pairs to 0, 0 tied; p = 0.12)" in result.stdout
    )
    found = StudyResults.model_validate_json((made / "results.json").read_bytes())
    assert (found.rows, found.rows_counted, found.rows_about_checks) == (11, 8, 2)
    assert "<h1>Human study</h1>" in (made / "results.html").read_text()
    assert json.loads(study("read", made, file, "--json").stdout) == json.loads(found.model_dump_json())


def test_plan_prints_the_table_and_what_it_means(tmp_path: Path) -> None:
    lines = study("plan", "--raters", "5", "--pairs", "30", "--preference", "0.6").stdout.splitlines()
    assert "60%" in lines[0]
    assert "30 pairs" in lines[2]
    assert lines[-1].startswith("With 5 raters and 30 pairs a true preference of 60% is found with probability 0.")
    plan = json.loads(study("plan", "--json").stdout)
    assert (plan["preference"], plan["correlation"]) == (0.6, 0.2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["make", "nothing", "nothing", "out"], "There is no folder nothing: name a folder of `dalle generate`"),
        (["read", "nothing", "x.csv"], "nothing holds no key.json of a study"),
    ],
)
def test_a_mistake_is_answered_in_one_line(words: list[str], said: str) -> None:
    result = study(*words)
    assert result.stderr.splitlines()[-1].startswith(f"Error: {said}")
    assert result.exit_code == 2


def test_too_many_pairs_are_answered_in_one_line(tmp_path: Path) -> None:
    sides = [side_folder(tmp_path / name, level) for name, level in (("a", 10), ("b", 90))]
    result = study("make", *sides, tmp_path / "out", "--pairs", "7")
    assert result.stderr.splitlines()[-1].endswith("have 6 prompts in common, not 7: take fewer, or draw more.")
    assert result.exit_code == 2
