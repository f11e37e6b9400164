"""`dalle takedown` records what is to be left out, lists what holds it, and says how to do without."""

import json
from pathlib import Path

import pytest
from support.finished_run import FinishedRun, finished_run
from typer.testing import CliRunner, Result

from flows.cli.app import app
from tasks.settings import Settings


@pytest.fixture
def run(settings: Settings) -> FinishedRun:
    return finished_run(settings, train=6, val=2, train_prompts=1, candidates=1, rejects=False)


def takedown(run: FinishedRun, *words: str) -> Result:
    return CliRunner().invoke(app, ["takedown", *words, "--root", run.settings.root])


def test_each_hit_is_a_line_and_the_last_says_what_was_recorded_and_how_to_do_without(run: FinishedRun) -> None:
    result = takedown(run, run.train[2]["url"], "--reason", "asked by mail")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == [run.artifacts["crawl"].address, "candidates-00000.parquet", "1", "row", "(2)"]
    assert any(line.split() == [run.artifacts["train_prior"].address, "trained", "on", "it"] for line in lines)
    assert lines[-1] == (
        f"Recorded in {run.settings.root}/takedowns.jsonl: url {run.train[2]['url']}; no later run packs it, and "
        f"`dalle run --root {run.settings.root}` makes pairs and models without it."
    )


def test_asking_twice_records_once_and_lists_again(run: FinishedRun) -> None:
    first, second = takedown(run, "127.0.0.1"), takedown(run, "127.0.0.1")
    assert first.stdout.splitlines()[:-1] == second.stdout.splitlines()[:-1]
    assert "8 rows (0, 1, 2, 3, 4, …)" in first.stdout
    assert second.stdout.splitlines()[-1].startswith("Recorded before in ")
    [line] = takedown(run, "--list").stdout.splitlines()
    assert line.endswith("  domain 127.0.0.1")


def test_for_scripts_there_is_json(run: FinishedRun) -> None:
    told = json.loads(takedown(run, run.train[2]["url"], "--reason", "asked", "--json").stdout)
    assert told["tables"][0] == {
        "artifact": run.artifacts["crawl"].address,
        "file": "candidates-00000.parquet",
        "rows": [2],
        "finished": True,
    }
    assert {"artifact": run.artifacts["train_bpe"].address, "how": "trained on it"} in told["made"]
    assert told["rebuild"] == [f"dalle run --root {run.settings.root}"]
    [recorded] = told["recorded"]
    assert (recorded["value"], recorded["reason"]) == (run.train[2]["url"], "asked")
    assert json.loads(takedown(run, "--list", "--json").stdout) == [recorded]


def test_before_any_run_it_is_recorded_too(tmp_path: Path) -> None:
    root = str(tmp_path / "runs")
    assert "Nothing has been taken down" in CliRunner().invoke(app, ["takedown", "--list", "--root", root]).stdout
    result = CliRunner().invoke(app, ["takedown", "example.org", "--root", root])
    assert result.stdout.splitlines() == [
        "Nothing that is stored holds it.",
        f"Recorded in {root}/takedowns.jsonl: domain example.org; no later run packs it, and nothing that is stored "
        "has to be made anew.",
    ]
    assert (tmp_path / "runs" / "takedowns.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        ([], "Nothing is named to be taken down: name an address", 2),
        (["com"], "'com' cannot be taken down: name an address", 2),
        (["https://"], "'https://' is no whole address", 2),
        (["example.org", "--model", "nowhere"], "nowhere is no model folder", 1),
        (["example.org", "--root", "/proc/runs"], "Cannot write to /proc/runs", 1),
        (["example.org", "--root", "gs://bucket"], "Artifacts cannot be kept at gs://bucket", 2),
    ],
)
def test_mistakes_are_one_sentence_and_nothing_is_recorded(
    tmp_path: Path, words: list[str], said: str, code: int
) -> None:
    words = words if "--root" in words else [*words, "--root", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, ["takedown", *words])
    [line] = result.stderr.splitlines()
    assert said in line
    assert result.exit_code == code
    assert not list(tmp_path.rglob("takedowns.jsonl"))
