"""`dalle export-dataset` writes the packed pairs of a config, or says in a sentence what is missing."""

import json
from pathlib import Path

import pytest
from support.packed import tar_of_pairs
from typer.testing import CliRunner, Result

from flows.changes import assigned
from flows.cli.app import app
from flows.pipeline import dataset
from flows.recipes import smoke
from flows.run import DirectRun
from tasks.settings import Settings


def export(place: Path, *words: str) -> Result:
    source = json.dumps([{"kind": "webdataset", "path": str(place / "0.tar")}])
    options = ["--recipe", "smoke", "--set", f"source={source}", "--root", str(place / "runs")]
    return CliRunner().invoke(app, ["export-dataset", *words, *options, "--work-dir", str(place / "work")])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tar of pairs that are not packed yet."""
    folder = tmp_path_factory.mktemp("pairs")
    tar_of_pairs(folder, 12)
    return folder


def test_pairs_that_are_not_packed_are_one_sentence(place: Path, tmp_path: Path) -> None:
    result = export(place, str(tmp_path / "set"))
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith(
        "Error: The pairs of this config are not packed yet (crawl is missing): run `dalle run --rec"
    )
    result = export(place, str(tmp_path / "set"), "--format", "csv")
    assert result.stderr.splitlines() == ["Error: --format csv is none of webdataset, parquet."]


@pytest.mark.end_to_end  # img2dataset's process stays with this one
def test_the_pairs_of_the_config_are_written_and_what_to_do_with_them_is_said(place: Path, tmp_path: Path) -> None:
    source = json.dumps([{"kind": "webdataset", "path": str(place / "0.tar")}])
    settings = Settings(root=str(place / "runs"), work_dir=str(place / "work"), dask_workers=0)
    dataset(DirectRun(settings), assigned(smoke(), [f"source={source}"]))
    out = tmp_path / "set"
    result = export(place, str(out))
    assert result.exit_code == 0
    written, told = result.stdout.splitlines()
    assert written.startswith(f"{out}  2 shards, ")
    assert told == (
        f'To train on it elsewhere: dalle run --set \'source=[{{"kind": "huggingface", "path": "{out}"}}]\''
    )
    again = json.loads(export(place, f"{out}-2", "--format", "webdataset", "--json").stdout)
    assert (sum(again["pairs"].values()), again["files"], again["format"]) == (12, 4, "webdataset")
