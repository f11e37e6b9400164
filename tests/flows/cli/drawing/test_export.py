"""`dalle export`: a folder that draws elsewhere what the run's models draw, and a sentence if it is not whole."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from support.evidence import evidence, judged
from support.tiny_models import IMAGE_SIZE
from typer.testing import CliRunner

from flows.changes import changed, read_file
from flows.cli.app import app
from flows.cli.drawing import export
from flows.cli.drawing.models import models_of_folder
from flows.pipeline import Models
from flows.recipes import recipe_config, smoke
from models.folder import ModelManifest
from models.generator import Candidates, load
from models.training.errors import CheckpointError
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError
from tasks.evaluate import figures
from tasks.generate import ArtifactModels, ModelSource, Ranking, Request, draw
from tasks.report.cards.model_card import ModelFolder, model_card
from tasks.report.config import Config
from tasks.report.facts import RunFacts
from tasks.settings import Settings

REQUEST = Request(("a red apple",), 4, seed=2)


def drawn(models: ModelSource) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and scores."""
    events = list(draw(models, REQUEST))
    pictures = [event.images for event in events if isinstance(event, Candidates)]
    [scores] = [event.scores for event in events if isinstance(event, Ranking)]
    return np.concatenate(pictures), scores


def generated(folder: Path, *more: str) -> Any:
    return CliRunner().invoke(app, ["generate", "a frog", "--n", "2", "--model", str(folder), *more])


def test_a_copy_draws_and_ranks_as_the_models_of_the_run_do(
    copied: Path, settings: Settings, trained: tuple[Artifact, Models]
) -> None:
    pairs, models = trained
    pictures, scores = drawn(ArtifactModels(pairs, models.generator, models.ranker, settings))
    copies, same_scores = drawn(models_of_folder(copied).source)
    assert np.array_equal(pictures, copies)
    assert np.array_equal(scores, same_scores)


def test_python_draws_with_the_folder(copied: Path) -> None:
    assert load(copied).draw(["a red apple"], 2, seed=0).images.shape == (1, 2, IMAGE_SIZE, IMAGE_SIZE, 3)


def test_generate_draws_with_the_folder_and_says_nothing_of_captions(copied: Path, tmp_path: Path) -> None:
    result = generated(copied, "--json", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert record["caption_of"] == "unknown"
    assert all(Path(picture["path"]).is_file() for picture in record["pictures"])


def test_no_file_of_training_is_in_the_folder(exported: Path) -> None:
    names = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    models = {"config.json", "weights.safetensors", "tokenizer.json"}
    images = {f"image_tokenizer/{name}" for name in ("config.json", "weights.safetensors")}
    ranker = {f"ranker/{name}" for name in models}
    assert {name for name in names if not name.startswith("previews/")} == models | images | ranker | {
        "README.md",
        "model.json",
        "run.yaml",
    }


@pytest.mark.parametrize("name", ["weights.safetensors", "image_tokenizer/config.json", "ranker/weights.safetensors"])
def test_a_changed_or_missing_file_is_told_in_one_sentence(copied: Path, tmp_path: Path, name: str) -> None:
    content = bytearray((copied / name).read_bytes())
    content[-2] ^= 1
    (copied / name).write_bytes(content)
    changed = generated(copied, "--out", str(tmp_path / "out"))
    assert changed.exit_code == 1
    assert changed.stderr.splitlines()[-1].startswith(f"Error: {copied / name} is not the file that was exported")
    (copied / name).unlink()
    missing = generated(copied, "--out", str(tmp_path / "out"))
    assert missing.stderr.splitlines()[-1] == f"Error: {copied / name} is missing: copy the model folder again."


def test_python_is_told_of_a_changed_file_too(copied: Path) -> None:
    (copied / "README.md").write_text("another")
    with pytest.raises(CheckpointError, match=r"README\.md is not the file that was exported"):
        load(copied)


def test_a_folder_without_its_list_is_no_model_folder(copied: Path) -> None:
    (copied / "model.json").unlink()
    assert "is no model folder" in generated(copied).stderr


def test_a_model_folder_and_a_recipe_exclude_each_other(copied: Path) -> None:
    result = generated(copied, "--recipe", "smoke")
    assert "--model names a folder of models" in result.stderr
    assert result.exit_code == 2


def test_half_precision_halves_the_weights_and_draws(
    tmp_path: Path, exported: Path, export_to: Callable[..., Any]
) -> None:
    export_to(tmp_path / "half", fp16=True)
    sizes = [sum(p.stat().st_size for p in f.rglob("*.safetensors")) for f in (tmp_path / "half", exported)]
    assert sizes[0] < 0.75 * sizes[1]  # headers are large beside tiny weights
    assert {str(t.dtype) for t in load_file(tmp_path / "half" / "weights.safetensors").values()} == {"torch.float16"}
    assert drawn(models_of_folder(tmp_path / "half").source)[0].shape == (4, IMAGE_SIZE, IMAGE_SIZE, 3)


def test_a_weight_beyond_half_precision_stays_as_it_is() -> None:
    import torch

    large, small, whole = torch.tensor([1e6]), torch.tensor([1.0]), torch.tensor([1])
    assert [export._half(t).dtype for t in (large, small, whole)] == [torch.float32, torch.float16, torch.int64]


def test_a_folder_that_holds_something_is_not_touched(tmp_path: Path, export_to: Callable[..., Any]) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds something already"):
        export_to(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_an_export_that_fails_leaves_nothing(
    tmp_path: Path, export_to: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "model_card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_to(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_card_says_what_was_not_measured_and_where_the_pictures_come_from(exported: Path) -> None:
    card = (exported / "README.md").read_text()
    assert "The models were not evaluated when this card was written." in card
    assert "captioned pictures of" in card
    assert "](previews/sheet.png)" in card
    assert (exported / "previews" / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert ModelCard(card).data.pipeline_tag == "text-to-image"


def test_the_card_is_that_of_the_report_with_how_to_use_the_folder() -> None:
    """One text: only what is said of the folder, its files and commands differs."""
    rows = [row for prompt in range(4) for row in judged(prompt, [True, False])]
    facts = RunFacts({}, figures.measure(evidence(rows)))
    folder = ModelFolder(ModelManifest(files={}), is_half_precision=False, config="run.yaml", sheet=None)
    card, of_report = model_card(facts, Config(), folder), model_card(facts, Config())
    assert "| Right picture, training captions, best of 2 | 100% |" in card
    assert "dalle serve --model FOLDER" in card
    assert "FOLDER" not in of_report
    assert re.findall("^## .*$", card, re.MULTILINE) == re.findall("^## .*$", of_report, re.MULTILINE)
    shared = [line for line in of_report.splitlines() if line and line not in card.splitlines()]
    assert all(
        line.startswith(("A transformer", "Check it: ", "Who may use", "The command", "$ dalle")) for line in shared
    )


def test_the_folder_says_what_it_was_trained_on_and_how(exported: Path, trained: tuple[Artifact, Models]) -> None:
    assert models_of_folder(exported).source.manifest.made_from["pairs"] == trained[0].address
    named, changes = read_file(exported / "run.yaml")
    assert changed(recipe_config(named), changes) == smoke()


def test_finished_models_are_not_exported_again(exported: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", "--out", str(tmp_path / "m"), "--set", f"models.pretrained={exported}"])
    assert f"The models of {exported} are a folder already: copy it." in result.stderr


def test_models_that_are_not_trained_are_told_with_the_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", "--root", str(tmp_path), "--recipe", "smoke"])
    assert f"run `dalle run --recipe smoke --root {tmp_path}`" in result.stderr
    assert result.exit_code == 2
