"""`dalle evaluate`: a finished model is measured by the pipeline's own evaluation, on the data it was made with."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.changes import assigned
from flows.cli import run as cli_run
from flows.cli.app import app
from flows.cli.drawing.evaluation import config_file, measured, measured_lines
from flows.config import PipelineConfig
from flows.pipeline import Models, evaluation, training
from flows.plan import plan
from flows.recipes import smoke
from flows.run import DirectRun
from tasks.engine.artifact import Artifact, lineage
from tasks.errors import ConfigError
from tasks.settings import Settings

OTHER = "they may have seen what is called held out here"


def config_of(folder: Path) -> PipelineConfig:
    few = ["sample.train_prompts=2", "sample.val_prompts=1", "sample.candidates=2"]
    return assigned(smoke(), [f"models.pretrained={folder}", *few])


def say_trained_on(folder: Path, training_set: str) -> None:
    listed = json.loads((folder / "model.json").read_text())
    listed["made_from"]["trained_on"] = training_set
    (folder / "model.json").write_text(json.dumps(listed))


@pytest.fixture(scope="module")
def report(exported: Path, settings: Settings, trained: tuple[Artifact, Models]) -> Artifact:
    """Of the exported models, measured on the pairs they were exported with."""
    run, config = DirectRun(settings), config_of(exported)
    return evaluation(run, config, trained[0], training(run, config, trained[0]))


def test_the_report_is_about_the_models_of_the_folder_and_no_training(report: Artifact) -> None:
    stages = {artifact.stage for artifact in lineage(report)}
    assert {"take_generator", "take_tokenizer", "take_ranker", "sample", "rerank", "evaluate"} <= stages
    assert not {stage for stage in stages if stage.startswith("train_")}
    page = Path(report.file("index.html")).read_text()
    assert OTHER not in page
    assert "The models were trained on" in page


def test_what_is_told_is_the_head_of_the_report(report: Artifact) -> None:
    lines = list(measured_lines(measured(report)))
    assert lines[0].startswith("The models were trained on")
    assert any(re.match(r"Right picture, training captions, best of 2: \d+% \(", line) for line in lines)
    assert any(line.startswith("Held-out reconstruction: ") for line in lines)


def test_figures_on_other_pairs_say_so_and_nothing_of_what_was_seen(
    copied: Path, settings: Settings, trained: tuple[Artifact, Models]
) -> None:
    say_trained_on(copied, "0123456789abcdef")
    run, config = DirectRun(settings), config_of(copied)
    made = evaluation(run, config, trained[0], training(run, config, trained[0]))
    found = measured(made)
    [sentence] = found["summary"]
    assert sentence.endswith(f"{OTHER}.")
    labels = [each["label"] for each in found["headlines"]]
    assert "Right picture, captions held out here, best of 2" in labels
    assert not [label for label in labels if "never seen" in label]
    page = Path(made.file("index.html")).read_text()
    assert sentence in page
    assert "<h3>Captions never seen</h3>" not in page
    assert "The models were trained on none of them" not in page


def test_the_plan_has_the_data_the_models_and_the_evaluation(exported: Path, settings: Settings) -> None:
    stages = [artifact.stage for artifact in plan(config_of(exported), settings)]
    taken = ["take_tokenizer", "take_generator", "take_ranker"]
    assert stages[5:] == ["pack", "funnel", *taken, "sample", "rerank", "evaluate", "report"]


@pytest.fixture
def evaluate(report: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`dalle evaluate` that runs nothing; the result and the config that would run."""
    ran: list[PipelineConfig] = []

    def executed(recipe: str, config: PipelineConfig, *_: object) -> Artifact:
        ran.append(config)
        return report

    def call(*words: str) -> tuple[Result, PipelineConfig | None]:
        result = CliRunner().invoke(app, ["evaluate", "--root", str(tmp_path / "runs"), *words])
        return result, ran[-1] if ran else None

    monkeypatch.setattr(cli_run, "execute", executed)
    return call


def test_the_data_are_those_of_the_run_that_made_the_models(evaluate: Any, exported: Path) -> None:
    result, config = evaluate("--model", str(exported), "--set", "sample.candidates=3")
    assert config == assigned(smoke(), [f"models.pretrained={exported}", "sample.candidates=3"])
    assert result.exit_code == 0
    assert "Held-out reconstruction: " in result.stdout
    assert result.stdout.splitlines()[-1].endswith("/index.html")


def test_another_recipe_can_be_named(evaluate: Any, exported: Path) -> None:
    result, config = evaluate("--model", str(exported), "--recipe", "demo", "--json")
    assert config.sample.candidates == 8
    assert result.stderr == ""
    assert {"report", "figures", "summary", "headlines", "model"} <= json.loads(result.stdout).keys()


def test_a_damaged_folder_is_told_before_anything_runs(evaluate: Any, copied: Path) -> None:
    (copied / "weights.safetensors").write_bytes(b"")
    result, config = evaluate("--model", str(copied))
    assert "weights.safetensors is not the file that was exported" in result.stderr
    assert (result.exit_code, config) == (1, None)


def test_a_config_of_another_version_is_told_with_what_to_do(copied: Path) -> None:
    (copied / "run.yaml").write_text("recipe: smoke\npack: {colour: red}\n")
    listed = json.loads((copied / "model.json").read_text())
    del listed["files"]["run.yaml"]
    (copied / "model.json").write_text(json.dumps(listed))
    with pytest.raises(ConfigError, match=r"There is no setting 'pack.colour'.*--recipe or --config"):
        config_file(copied)
    (copied / "run.yaml").unlink()
    assert config_file(copied) is None
