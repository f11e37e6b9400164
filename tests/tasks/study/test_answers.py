"""Every row of the raters' files counts once, or is left out with a reason."""

from itertools import permutations
from pathlib import Path

import pytest
from support.study import csv_file, row, study_key

from tasks.errors import SourceError
from tasks.study.answers import Answers, read_answers

KEY = study_key(3)


def reasons(answers: Answers) -> dict[str, int]:
    return {left.why: left.rows for left in answers.left_out}


def conserved(answers: Answers) -> bool:
    """Rows in are rows counted plus rows about checks plus rows left out."""
    counted = sum(map(len, answers.by_rater.values()))
    return answers.rows == counted + answers.check_rows + sum(left.rows for left in answers.left_out)


def test_raters_are_told_apart_by_name_whatever_its_case(tmp_path: Path) -> None:
    ann = csv_file(tmp_path / "1.csv", [row(KEY, "Ann", 1, "a", "b"), row(KEY, "Ann", 2, "a")])
    bob = csv_file(tmp_path / "2.csv", [row(KEY, "bob", 1, "b", "neither")])
    answers = read_answers([ann, bob], KEY)
    assert {rater: sorted(rows) for rater, rows in answers.by_rater.items()} == {"ann": [1, 2], "bob": [1]}
    assert answers.by_rater["ann"][1].realism == "left"
    assert answers.by_rater["ann"][2].caption is None
    assert [(each.rater, each.pairs, each.seconds) for each in answers.raters] == [("Ann", 2, 5.0), ("bob", 1, 5.0)]
    assert conserved(answers)


def test_a_file_given_twice_and_an_earlier_save_count_once_in_any_order(tmp_path: Path) -> None:
    half = csv_file(tmp_path / "half.csv", [row(KEY, "ann", 1, "a"), row(KEY, "ann", 2, "a")])
    changed = row(KEY, "ann", 2, "b", answered_at="2026-01-01T00:01:00.000Z")
    whole = csv_file(tmp_path / "whole.csv", [row(KEY, "ann", 1, "a"), changed, row(KEY, "ann", 3, "b")])
    for files in permutations([half, whole, half]):
        answers = read_answers(files, KEY)
        assert {n: KEY.pairs[n - 1].chosen(said.realism or "") for n, said in answers.by_rater["ann"].items()} == {
            1: "a",
            2: "b",
            3: "b",
        }
        assert sum(left.rows for left in answers.left_out) == 4
        assert set(reasons(answers)) == {"the same answer is given twice", "the answer was changed later"}
        assert conserved(answers)


def test_a_second_set_of_answers_under_one_name_does_not_count(tmp_path: Path) -> None:
    first = csv_file(tmp_path / "a.csv", [row(KEY, "ann", 1, "a"), row(KEY, "ann", 2, "a")])
    again = [row(KEY, "ANN", n, "b", session="other", answered_at="2026-02-02T00:00:00.000Z") for n in (1, 2, 3)]
    second = csv_file(tmp_path / "b.csv", again)
    for files in ([first, second], [second, first]):
        answers = read_answers(files, KEY)
        assert {said.session for said in answers.by_rater["ann"].values()} == {"of ann"}
        assert reasons(answers) == {"ANN answered before: if these are two people, give them different names": 3}
        assert conserved(answers)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"study": "other"}, "the answers are of another study"),
        ({"rater": " "}, "the row names no rater"),
        ({"pair": "4"}, "the study has no such pair"),
        ({"pair": "one"}, "the study has no such pair"),
        ({"realism": "neither"}, "an answer about realism is none of left, right"),
        ({"caption": "both"}, "an answer about caption is none of left, right, neither"),
        ({"realism": "", "caption": ""}, "the row has no answer"),
    ],
)
def test_a_row_that_cannot_count_is_left_out_with_its_reason(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    file = csv_file(tmp_path / "a.csv", [row(KEY, "ann", 1, "a", "a"), row(KEY, "ann", 2, "b", "b") | changes])
    answers = read_answers([file], KEY)
    assert list(answers.by_rater["ann"]) == [1]
    [(told, rows)] = reasons(answers).items()
    assert told.startswith(why)
    assert rows == 1
    assert conserved(answers)


def test_what_a_spreadsheet_saved_is_read_too(tmp_path: Path) -> None:
    rows = [row(KEY, "Zoë", 1, "a", "neither", seconds="7,5") | {"realism": "Left"}]
    for delimiter, encoding in ((";", "utf-8-sig"), ("\t", "utf-16"), (",", "cp1252")):
        [rater] = read_answers([csv_file(tmp_path / "a.csv", rows, delimiter, encoding)], KEY).raters
        assert (rater.rater, rater.seconds) == ("Zoë", 7.5)


def test_a_malformed_file_is_left_out_beside_a_good_one_and_told_alone(tmp_path: Path) -> None:
    good = csv_file(tmp_path / "good.csv", [row(KEY, "ann", 1, "a")])
    (tmp_path / "letter.csv").write_text("Dear all,\nhere are my answers\n")
    (tmp_path / "empty.csv").write_text("")
    torn = tmp_path / "torn.csv"
    torn.write_text(good.read_text() + "abc,ann,of ann,2,le")
    bad = [tmp_path / "letter.csv", tmp_path / "empty.csv", torn]
    answers = read_answers([good, *bad], KEY)
    told = {Path(left.file).name: left.why for left in answers.left_out}
    assert told["letter.csv"].startswith("the file has no column study, rater")
    assert told["empty.csv"] == "the file has no answers"
    assert "the row has more or fewer cells than the first line" in {left.why for left in answers.left_out}
    assert conserved(answers)
    with pytest.raises(SourceError, match=r"No answer counts \(.*letter.csv: the file has no column"):
        read_answers(bad[:2], KEY)
    with pytest.raises(SourceError, match="Cannot read"):
        read_answers([tmp_path / "nothing.csv"], KEY)
    (tmp_path / "zip.csv").write_bytes(b"PK\x03\x04\0\0\0\0")
    with pytest.raises(SourceError, match="is no text"):
        read_answers([tmp_path / "zip.csv"], KEY)


def test_a_rater_who_fails_the_checks_is_left_out(tmp_path: Path) -> None:
    key = study_key(3, checks=5)
    rows = []
    for rater, right in (("sure", 4), ("asleep", 3)):
        rows += [row(key, rater, n, "a") for n in (1, 2, 3)]
        rows += [row(key, rater, 4 + n, "a" if n < right else "b") for n in range(5)]
    answers = read_answers([csv_file(tmp_path / "all.csv", rows)], key)
    assert {rater: sorted(each) for rater, each in answers.by_rater.items()} == {"sure": [1, 2, 3]}
    assert answers.raters[0].checks_passed == 0.8
    assert reasons(answers) == {"asleep passed 60% of the checks, not 80%": 8}
    assert conserved(answers)


def test_quick_answers_are_counted(tmp_path: Path) -> None:
    rows = [row(KEY, "ann", n, "a", seconds=seconds) for n, seconds in ((1, "1.0"), (2, "3.9"), (3, "9"))]
    [rater] = read_answers([csv_file(tmp_path / "a.csv", rows)], KEY).raters
    assert (rater.quick, rater.seconds) == (2, 3.9)
