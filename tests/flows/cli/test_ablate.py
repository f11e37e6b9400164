"""`dalle ablate` as a person calls it: a grid of 2 x 2 x 1 at smoke size, and what of it is made twice: nothing."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.small_demo import small_source
from typer.testing import CliRunner

from flows.cli.app import app

DALLE = str(Path(sys.executable).with_name("dalle"))
SHARED = {"crawl", "screen_captions", "fetch", "screen_images", "dedup", "pack"}
SHARED |= {"train_bpe", "train_dvae", "train_clip", "extract"}
GRID = ("--recipe", "smoke", "--data", "0.5,1", "--model", "s,m", "--seeds", "1")


def ablate(folder: Path, *words: str) -> dict[str, Any]:
    """The JSON of the verb, all of whose files lie in the folder."""
    command = [DALLE, "ablate", "--json", *GRID, "--root", str(folder / "runs"), "--work-dir", str(folder), *words]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"DALLE_STATE": str(folder / "state")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_grid_shares_its_stages_and_is_found_finished(tmp_path: Path) -> None:
    source = small_source(tmp_path)
    first = ablate(tmp_path, *source)
    made = Counter(stage["stage"] for stage in first["stages"] if not stage["reused"])
    assert {stage for stage, times in made.items() if times == 4} == {"train_prior", "sample", "rerank", "evaluate"}
    assert {stage for stage, times in made.items() if times == 1} == SHARED | {"subset", "ablation"}
    assert len(made) == len(SHARED) + 6
    assert len(first["ablation"]["tables"]["image_loss"]) == 4
    assert first["ablation"]["answer"] in Path(first["page"]).read_text()
    planned = ablate(tmp_path, "--plan", *source)
    assert planned["seconds"] == 0
    assert [(cell["made"], cell["artifacts"]) for cell in planned["cells"]] == [(5, 5), (4, 4)] * 2
    again = ablate(tmp_path, "--no-prefect", *source)
    assert again["page"] == first["page"]
    assert {stage["reused"] for stage in again["stages"]} == {True}


def test_a_plan_lists_the_cells_and_makes_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["ablate", "--plan", *GRID, "--root", str(tmp_path / "runs")])
    lines = done.stdout.splitlines()
    assert lines[0] == "Shared by all cells: 10 stages, 0 made."
    assert [line.split("  ")[1].strip() for line in lines[2:6]] == [
        "50 % of the data, model s, seed 0",
        "100 % of the data, model s, seed 0",
        "50 % of the data, model m, seed 0",
        "100 % of the data, model m, seed 0",
    ]
    assert lines[6] == "Together 17 different stages, 0 made."
    assert lines[7].endswith("left (trainings alone, planned for cpu-2-cores).")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "1"], "Error: data: needs 2 levels at least, or there is nothing to compare"),
        (["--data", "some"], "Error: --data takes shares of the data such as 0.25,0.5,1, not 'some'."),
        (["--model", "s,q"], "Error: model.1: Input should be 'xs', 's', 'm', 'l' or 'xl'; it is \"q\"."),
    ],
)
def test_what_is_no_grid_is_answered_in_one_line(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["ablate", *words])
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(said)
    assert done.exit_code == 2
