"""What is shown of a training that is not finished."""

import json
from pathlib import Path

import pytest

from flows.pages.curves_page import ROWS, training_curves


def write(path: Path, lines: list[dict[str, float]], rest: str = "") -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + rest)
    return path


def test_a_page_has_loss_and_speed_of_a_step_in_one_row_and_the_last_validation_apart(tmp_path: Path) -> None:
    validations: list[dict[str, float]] = [{"step": 0, "val/loss": 3.0}, {"step": 20, "val/loss": 2.0}]
    metrics = write(tmp_path / "metrics.jsonl", [{"step": 0, "loss": 2.5}, {"step": 20, "loss": 1.25}, *validations])
    speed: list[dict[str, float]] = [
        {"step": 20, "seconds_per_step": 0.1, "tokens_per_s": 51200, "of_peak": 0.4321, "straggler_s": 0.02}
    ]
    page = training_curves([metrics, write(tmp_path / "speed.jsonl", speed)])
    assert page.splitlines() == [
        "# Training",
        "",
        "| step | loss | tokens/s | of the device's peak | slowest rank behind, s |",
        "| --- | --- | --- | --- | --- |",
        "| 0 | 2.5 |  |  |  |",
        "| 20 | 1.25 | 51,200 | 0.4321 | 0.02 |",
        "",
        "# Validation",
        "",
        "| figure | value |",
        "| --- | --- |",
        "| loss | 2 |",
    ]


@pytest.mark.parametrize("count", [1, 2, 11, 12, 13, 1000])
def test_a_page_has_few_rows_of_which_one_is_the_last_however_long_the_training(tmp_path: Path, count: int) -> None:
    path = write(tmp_path / "metrics.jsonl", [{"step": step, "loss": 1.0} for step in range(count)])
    rows = training_curves([path]).splitlines()[4:]
    assert min(count, ROWS) <= len(rows) <= 2 * ROWS
    assert rows[0].startswith("| 0 |")
    assert rows[-1].startswith(f"| {count - 1} |")
    assert len(set(rows)) == len(rows)


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "metrics.jsonl", [{"step": 0, "loss": 1.0}], rest='{"step": 2')
    assert training_curves([path]).splitlines()[-1] == "| 0 | 1 |"


def test_nothing_is_shown_before_anything_is_logged(tmp_path: Path) -> None:
    assert training_curves([]) == ""
    assert training_curves([write(tmp_path / "metrics.jsonl", [])]) == ""
