"""The command line: quick help, errors in one line with the remedy, exit codes, JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.web import free_port
from typer.testing import CliRunner, Result

from flows.cli import environment
from flows.cli.app import app
from flows.recipes import smoke

DALLE = str(Path(sys.executable).with_name("dalle"))


def dalle(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def only_line(result: Result) -> str:
    """The content of stderr, which must be one line."""
    [line] = result.stderr.strip().splitlines()
    return line


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, flows.cli.app; print(*{'prefect', 'pydantic', 'pyarrow', 'rich', 'torch'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_an_unknown_key_is_answered_with_the_nearest() -> None:
    result = dalle("status", "--set", "dvae.trainig.steps=3")
    assert only_line(result) == "Error: There is no setting 'dvae.trainig.steps': did you mean 'dvae.training.steps'?"
    assert result.exit_code == 2


def test_a_bad_value_is_answered_in_one_line() -> None:
    result = dalle("run", "--no-prefect", "--set", "dvae.training.steps=many")
    assert "dvae.training.steps: Input should be a valid integer" in only_line(result)
    assert result.exit_code == 2


def test_a_bad_option_is_answered_in_one_line() -> None:
    result = dalle("run", "--no-prefect", "--processes", "0")
    assert "processes_per_node: Input should be greater than or equal to 1; it is 0." in only_line(result)
    assert result.exit_code == 2


def test_a_missing_source_folder_is_answered_in_one_line(tmp_path: Path) -> None:
    result = dalle("run", "--no-prefect", "--root", str(tmp_path), "--set", f"source={tmp_path}/nothing")
    assert f"{tmp_path}/nothing" in only_line(result)
    assert result.exit_code == 2


def test_a_root_that_cannot_be_written_is_answered_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = dalle("run", "--no-prefect", "--recipe", "smoke", "--root", str(tmp_path / "file" / "runs"))
    assert "--root" in only_line(result)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["--set", "source=/nope"],
        ["--dask-address", "tcp://127.0.0.1:1"],
        ["--root", "/proc/runs"],
        ["--work-dir", "/proc/work"],
        ["--root", "gs://bucket/runs"],
    ],
)
def test_run_tells_a_mistake_in_one_line_before_it_looks_for_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: list[str]
) -> None:
    def too_late() -> None:
        raise AssertionError("a server was looked for")

    monkeypatch.setattr(environment, "use_running_server", too_late)
    given = ["--recipe", "smoke", "--root", str(tmp_path / "runs"), "--work-dir", str(tmp_path / "work"), *wrong]
    result = dalle("run", *given)
    assert result.exit_code in (1, 2)
    assert only_line(result).startswith("Error: ")


def test_a_server_that_does_not_answer_is_answered_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    result = dalle("run", "--recipe", "smoke")
    assert "No Prefect server answers at http://127.0.0.1:9/api" in only_line(result)
    assert "unset PREFECT_API_URL" in only_line(result)
    assert result.exit_code == 1


def test_debug_shows_the_traceback() -> None:
    result = dalle("status", "--debug", "--set", "nothing=3")
    assert result.exception is not None
    assert not isinstance(result.exception, SystemExit)


def test_status_before_anything_ran_says_absent(tmp_path: Path) -> None:
    result = dalle("status", "--json", "--root", str(tmp_path))
    rows = json.loads(result.stdout)
    assert [rows[0]["stage"], rows[-1]["stage"]] == ["crawl", "report"]
    assert {row["state"] for row in rows} == {"absent"}
    assert "absent" in dalle("status", "--root", str(tmp_path)).stdout


def test_verbs_that_need_a_finished_run_say_so(tmp_path: Path) -> None:
    for verb in (["lineage"], ["report"], ["generate", "a red apple"]):
        result = dalle(*verb, "--root", str(tmp_path), *(["--recipe", "smoke"]))
        assert f"run `dalle run --recipe smoke --root {tmp_path}`" in only_line(result)
        assert result.exit_code == 2


def test_recipes_are_listed_with_what_they_cost() -> None:
    assert (smoke.__doc__ or "").splitlines()[0] in dalle("recipes").stdout
    assert set(json.loads(dalle("recipes", "--json").stdout)) >= {"demo", "smoke"}


def test_doctor_ends_with_1_when_something_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("DALLE_STATE", str(tmp_path))
    assert dalle("doctor", "--root", str(tmp_path)).exit_code == 0
    (tmp_path / "file").touch()
    result = dalle("doctor", "--root", str(tmp_path / "file" / "runs"))
    assert result.exit_code == 1
    assert "BAD root" in result.stdout


def test_down_with_nothing_up_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [DALLE, "down"], capture_output=True, text=True, check=True, env={**os.environ, "DALLE_STATE": str(tmp_path)}
    )
    assert done.stdout.strip() == "Nothing of `dalle up` is running."


@pytest.mark.parametrize("content", [None, "", "password", "ann:", "ann:one two", "ann:one\nbob:two"])
def test_a_password_file_that_holds_no_login_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    monkeypatch.setenv("DALLE_STATE", str(tmp_path / "state"))
    if content is not None:
        (tmp_path / "password").write_text(content)
    result = dalle("up", "--port", str(free_port()), "--password-file", str(tmp_path / "password"))
    assert "password file" in only_line(result)
    assert result.exit_code == 2


def test_a_file_that_is_no_released_dvae_is_answered_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "encoder.pkl").write_text("<html>404</html>")
    files = [str(tmp_path / name) for name in ("encoder.pkl", "decoder.pkl")]
    result = dalle("import-dvae", *files, "--out", str(tmp_path / "dvae"))
    assert f"{files[0]} is not read" in only_line(result)
    assert result.exit_code == 1
    assert not (tmp_path / "dvae").exists()
