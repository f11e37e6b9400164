"""`dalle run` asks in the terminal, or ends with the option to approve, where no UI could ask."""

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.approval import request as approval
from flows.cli import approve
from flows.cli import run as runs
from flows.cli.app import app
from flows.cli.approve import approved_here
from flows.recipes import recipe_config
from tasks.settings import Approval, Settings

SMOKE = recipe_config("smoke")


@pytest.fixture(autouse=True)
def _a_machine_without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "preset_here", lambda: "cpu-2-cores")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that runs were begun with, in place of the runs."""
    found: list[Settings] = []

    def begin(run: Any, *_: Any) -> None:
        found.append(run.settings)
        raise approval.ApprovalError("begun")

    monkeypatch.setattr(runs, "run_pipeline", begin)
    return found


def dalle_run(folder: Path, *words: str) -> str:
    """What is printed of an error."""
    places = ["--root", str(folder / "runs"), "--work-dir", str(folder / "work")]
    done = CliRunner().invoke(app, ["run", "--no-prefect", "--recipe", "smoke", *places, *words])
    assert done.exit_code == 1
    return done.stderr


def test_without_a_terminal_the_run_ends_before_its_first_stage(tmp_path: Path, begun: list[Settings]) -> None:
    said = dalle_run(tmp_path, "--approve-above-gpu-hours", "0")
    assert said.startswith("Error: train_dvae and train_prior would take ")
    assert "run again with --approve" in said
    assert len(said.splitlines()) == 1
    assert begun == []


def test_approve_begins_whatever_it_costs(tmp_path: Path, begun: list[Settings]) -> None:
    assert "begun" in dalle_run(tmp_path, "--approve-above-gpu-hours", "0", "--approve")
    assert not begun[0].approval.has_bound


def test_the_bound_may_stand_in_the_environment(
    tmp_path: Path, begun: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DALLE_APPROVE_ABOVE_MONEY", "0")
    assert "has no price" in CliRunner().invoke(app, ["run", "--no-prefect", "--root", str(tmp_path)]).stderr
    assert "in money" in dalle_run(tmp_path, "--price", "1000")
    assert begun == []


@pytest.mark.parametrize("answer", [True, False])
def test_in_a_terminal_the_plan_is_shown_and_the_answer_decides(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: bool
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(approve.typer, "confirm", lambda *_, **__: answer)
    bounded = settings.model_copy(update={"approval": Approval(above_gpu_hours=0)})
    if answer:
        assert not approved_here("smoke", SMOKE, bounded).approval.has_bound
    else:
        with pytest.raises(approval.ApprovalError, match="Not approved: nothing was started"):
            approved_here("smoke", SMOKE, bounded)
    assert "smoke on 1 cpu-2-cores, single" in capsys.readouterr().err
