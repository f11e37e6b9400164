"""The model that comes with the repository draws where no other is named."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.app import app
from flows.cli.drawing import models, serve


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def finished(exported: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny exported models in place of the repository's."""
    monkeypatch.setattr(models, "FINISHED_MODEL", exported)
    return exported


def dalle(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_generate_draws_with_it_and_says_so_first(finished: Path) -> None:
    result = dalle("generate", "a frog", "--n", "2", "--top", "1")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[0].startswith(f"Drawing with the finished model in {finished} ")
    assert Path(result.stdout.split()[0]).is_file()


def test_serve_draws_with_it_too(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr(serve, "serve_page", lambda source, *_: served.append(source.folder))
    result = dalle("serve")
    assert result.stderr.splitlines()[0].startswith(f"Drawing with the finished model in {finished} ")
    assert served == [finished]


@pytest.mark.parametrize("words", [["--recipe", "smoke"], ["--set", "sample.seed=1"], ["--root", "runs"]])
def test_a_run_that_is_named_draws_itself(finished: Path, words: list[str]) -> None:
    result = dalle("generate", "a frog", *words)
    assert "The models of this config are not trained yet" in result.stderr
    assert "finished model" not in result.stderr


def test_a_folder_that_is_named_draws_and_nothing_is_said(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "FINISHED_MODEL", Path("damaged"))
    result = dalle("generate", "a frog", "--n", "1", "--model", str(exported))
    assert result.exit_code == 0
    assert "finished model" not in result.stderr


def test_without_it_the_runs_own_models_draw(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(models, "FINISHED_MODEL", tmp_path / "nothing")
    assert "run `dalle run`" in dalle("generate", "a frog").stderr
    assert "No models are named" in dalle("evaluate").stderr
