"""Folders of pictures, judged as the run is: what is damaged is worse, and what is bad is refused and counted."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.finished_run import FinishedRun, evaluated, finished_run
from support.other_models import blurred, pictures_folder, whole
from support.tables import rows
from support.tiny_models import tiny_ranker

from flows.comparison import comparison
from flows.run import DirectRun
from tasks.compare.comparison import BEST, UNCURATED, FigureCompared, RunComparison
from tasks.compare.sides import find_side
from tasks.compare.stage import COMPARISON, PAGE
from tasks.engine import storage
from tasks.errors import ConfigError, SourceError
from tasks.settings import Settings


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> FinishedRun:
    """Of two samples of each prompt the best shows its picture."""
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0)
    sizes = {"train": 30, "val": 16, "train_prompts": 16, "candidates": 2}
    made = finished_run(settings, **sizes, rejects=False, hit=lambda prompt, rank: rank == 0)
    evaluated(made, ranker=tiny_ranker(settings))
    return made


def compared(run: FinishedRun, *sides: str | Path) -> RunComparison:
    found = [find_side(str(side)) for side in (run.settings.root, *sides)]
    made = comparison(DirectRun(run.settings), found)
    page = storage.read_bytes(made.file(PAGE)).decode()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert page.count("<img") == 12 * len(found)
    return RunComparison.model_validate_json(made.read(COMPARISON))


def figure(found: RunComparison, title: str, groups: str, chosen: str, pair: int = 0) -> FigureCompared:
    return next(f for f in found.pairs[pair].figures if (f.title, f.groups, f.chosen) == (title, groups, chosen))


def test_a_copy_of_the_runs_own_pictures_cannot_be_told_from_it(run, tmp_path) -> None:
    found = compared(run, pictures_folder(run, tmp_path / "same", whole))
    assert [side.pictures for side in found.sides] == [68, 68]
    assert found.pairs[0].prompts == 34
    for each in found.pairs[0].figures:
        if each.chosen == UNCURATED:
            assert (each.ahead.value, each.verdict) == (0, "cannot be told")


def test_blurred_pictures_and_swapped_captions_are_worse_and_that_can_be_told(run, tmp_path) -> None:
    blurry = pictures_folder(run, tmp_path / "blurred", blurred)
    swapped = pictures_folder(run, tmp_path / "swapped", whole, shift=3)
    found = compared(run, blurry, swapped)
    assert [side.name for side in found.sides] == [run.settings.root, str(blurry), str(swapped)]
    distance = figure(found, "distance to the true picture", "captions never seen", UNCURATED)
    assert distance.verdict == "first"
    assert distance.first < distance.second
    wrong = figure(found, "right picture", "captions from training", UNCURATED, pair=1)
    assert (wrong.first, wrong.verdict) == (0.5, "first")
    assert wrong.second < 0.1


def test_bad_pictures_are_refused_with_a_reason_and_counted(run, tmp_path) -> None:
    folder = pictures_folder(run, tmp_path / "theirs")
    for picture in (*folder.glob("0-*.png"), folder / "1-0.png"):
        picture.unlink()
    (folder / "2-0.png").write_bytes(b"no picture")
    (folder / "a-frog-of-nobody-0.png").write_bytes((folder / "3-0.png").read_bytes())
    (folder / "4-2.png").write_bytes((folder / "4-1.png").read_bytes())
    (folder / "prompts.csv").write_text("file,prompt\n../../etc/passwd,a red apple\n")
    found = compared(run, folder)
    theirs = found.sides[1]
    assert theirs.refused == {"more_pictures": 1, "other_prompt": 1, "outside_folder": 1, "unreadable": 1}
    assert (theirs.prompts, theirs.without_picture) == (33, 1)
    assert (found.pairs[0].prompts, found.pairs[0].only_first, found.pairs[0].unequal) == (33, 1, 2)


def test_larger_pictures_are_judged_at_the_size_of_the_runs(run, tmp_path) -> None:
    folder = pictures_folder(run, tmp_path / "large", lambda pixels: np.kron(pixels, np.ones((4, 4, 1), np.uint8)))
    found = compared(run, folder)
    right = figure(found, "right picture", "captions from training", UNCURATED)
    assert (right.first, right.second) == (0.5, 0.5)


def test_a_run_of_another_root_is_judged_as_the_first_one_was(run, tmp_path) -> None:
    settings = Settings(root=str(tmp_path / "runs"), work_dir=str(tmp_path / "work"), dask_workers=0)
    sizes = {"train": 30, "val": 16, "train_prompts": 16, "candidates": 2}
    other = finished_run(settings, **sizes, rejects=False, hit=lambda prompt, rank: False)
    evaluated(other, ranker=tiny_ranker(settings))
    found = compared(run, settings.root)
    assert figure(found, "right picture", "captions from training", BEST).verdict == "first"
    assert figure(found, "right picture", "captions never seen", BEST).verdict == "first"


def test_the_same_comparison_is_reused(run, tmp_path) -> None:
    sides = [find_side(str(each)) for each in (run.settings.root, pictures_folder(run, tmp_path / "same"))]
    first, second = (comparison(DirectRun(run.settings), sides) for _ in range(2))
    assert first == second
    assert json.loads(first.read(COMPARISON))["pairs"]


def test_pictures_of_no_prompt_are_one_error_that_says_how_to_name_them(run, tmp_path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "cat.png").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"\(pictures: cat.png\): give the folder a prompts.csv"):
        compared(run, tmp_path / "theirs")


def test_prompts_of_a_suite_are_compared_too_and_keep_their_category(tmp_path) -> None:
    settings = Settings(root=str(tmp_path / "runs"), work_dir=str(tmp_path / "work"), dask_workers=0)
    prompts = [("drawbench", f"thing {i} of a suite", "Colors") for i in range(12)]
    made = finished_run(settings, train=30, val=2, train_prompts=2, candidates=2, rejects=False, suites=prompts)
    evaluated(made, ranker=tiny_ranker(settings))
    sides = [find_side(settings.root), find_side(str(pictures_folder(made, tmp_path / "theirs", blurred)))]
    compared = comparison(DirectRun(settings), sides)
    found = RunComparison.model_validate_json(compared.read(COMPARISON))
    assert found.pairs[0].prompts == 18
    copies = figure(found, "copies", "captions never seen and fixed prompts and prompts of suites", UNCURATED)
    assert copies.ahead.n == 16
    assert "suite drawbench" in compared.read(PAGE).decode()
    judged = [row for side in compared.inputs().values() for row in rows(side, "judged") if row["group"] == "drawbench"]
    assert {row["category"] for row in judged} == {"Colors"}
    assert len(judged) == 2 * 24


def test_what_is_no_side_is_refused(run, tmp_path) -> None:
    with pytest.raises(SourceError, match="There is no run and no folder"):
        find_side(str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match="is an evaluated run"):
        comparison(DirectRun(run.settings), [find_side(str(tmp_path))] * 2)
    pack = run.artifacts["pack"].uri
    with pytest.raises(SourceError, match="has no samples"):
        find_side(pack)


def test_an_artifact_stands_for_its_run(run) -> None:
    scores = find_side(run.artifacts["rerank"].uri)
    assert scores.evaluation is not None
    assert scores.evaluation == find_side(run.settings.root).evaluation
