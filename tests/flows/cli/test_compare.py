"""`dalle compare`: two runs and a folder on the console and as JSON, and the same as a deployed flow."""

import json
from pathlib import Path

import pytest
from support.finished_run import FinishedRun, evaluated, finished_run
from support.other_models import pictures_folder
from support.tiny_models import tiny_ranker
from typer.testing import CliRunner, Result

from flows.cli.app import app
from tasks.settings import Settings

SIZES = {"train": 20, "val": 8, "train_prompts": 12, "candidates": 2, "rejects": False}


def compare(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, words), "--dask-workers", "0"])


def small_run(folder: Path, right: bool) -> FinishedRun:
    """A run whose pictures are all right, or all wrong."""
    settings = Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)
    run = finished_run(settings, **SIZES, hit=lambda prompt, rank: right)
    evaluated(run, ranker=tiny_ranker(settings))
    return run


@pytest.mark.end_to_end
def test_two_runs_and_a_folder_are_compared(tmp_path: Path, prefect_server: None) -> None:
    good, bad = small_run(tmp_path / "good", True), small_run(tmp_path / "bad", False)
    folder = pictures_folder(good, tmp_path / "theirs")
    sides = (good.settings.root, bad.settings.root, folder)
    result = compare(*sides, "--work-dir", tmp_path / "work")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert f"B: {bad.settings.root}  (44 pictures of 22 prompts)" in lines
    assert "In none of 8 figures can it be told which is better. A and C have 22 prompts in common." in lines
    told = lines.index("Right picture, all drawn, captions from training: A is better")
    assert "A 100%, B 0%; A ahead by +100 " in lines[told + 1]
    page = Path(lines[-1].removeprefix("Comparison: "))
    assert page.is_file()
    assert Path(good.settings.root) in page.parents

    found = json.loads(compare(*sides, "--work-dir", tmp_path / "work", "--json").stdout)
    assert [side["letter"] for side in found["sides"]] == ["A", "B", "C"]
    assert all(stage["reused"] for stage in found["stages"])

    from flows import deployments

    made = deployments.comparison(
        [str(side) for side in sides], Settings(work_dir=str(tmp_path / "work"), dask_workers=0)
    )
    assert made.file("index.html") == found["page"]


def test_one_side_alone_is_refused(tmp_path: Path) -> None:
    result = compare(tmp_path)
    assert result.exit_code == 2
    assert "Name two to 8 runs or folders to compare, not 1." in result.stderr


def test_without_a_run_there_is_nothing_to_judge_by(tmp_path: Path) -> None:
    result = compare(tmp_path, tmp_path)
    assert result.exit_code == 2
    assert "is an evaluated run: name the root of a run" in result.stderr
