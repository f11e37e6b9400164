"""The digest of a stage's code: it changes with what the stage runs, and with nothing else."""

from pathlib import Path

import pytest
from support.toy import NumbersConfig, numbers

from flows.cli import console
from flows.cli.status import status
from tasks.engine import code, storage
from tasks.engine.artifact import MANIFEST

FILES = {
    "tasks/blur.py": "from tasks import words\nfrom models.net.layers import Layer\nTRAINER = 'models.net.train'\n",
    "tasks/words.py": "",
    "tasks/other.py": "",
    "tasks/engine/stage.py": "",
    "tasks/draw/stage.py": "from tasks.engine.stage import stage\n",
    "tasks/draw/page.css": "",
    "models/net/layers.py": "",
    "models/net/train.py": "import models.loop\n",
    "models/net/unused.py": "",
    "models/loop.py": "import torch\n",
}


@pytest.fixture
def repository(tmp_path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def changes_with(module: str, repository: Path) -> set[str]:
    """The files whose change changes the digest of the module."""
    before = code.digest.__wrapped__(module, repository)
    found = set()
    for name, text in FILES.items():
        (repository / name).write_text(text + " # changed")
        if code.digest.__wrapped__(module, repository) != before:
            found.add(name)
        (repository / name).write_text(text)
    return found


def test_what_a_stage_imports_or_names_belongs_to_it_at_any_distance(repository):
    assert changes_with("tasks.blur", repository) == {
        "tasks/blur.py",
        "tasks/words.py",
        "models/net/layers.py",
        "models/net/train.py",
        "models/loop.py",
    }


def test_a_stage_with_a_folder_of_its_own_is_all_of_its_folder(repository):
    assert changes_with("tasks.draw.stage", repository) == {"tasks/draw/stage.py", "tasks/draw/page.css"}


@pytest.mark.parametrize("module", ["tasks.extract", "tasks.pack", "tasks.train.dvae", "tasks.report.stage"])
def test_every_real_stage_has_a_digest(module):
    assert len(code.digest(module)) == 64


def test_the_trainer_belongs_to_the_stage_that_starts_it():
    reached = code._reached(code.REPOSITORY / "tasks/train/dvae.py", code.REPOSITORY)
    names = {str(path.relative_to(code.REPOSITORY)) for path in reached}
    assert {"tasks/train/trainer.py", "models/dvae/train.py", "models/training/loop.py"} <= names
    assert not any(name.startswith(("tasks/engine", "models/prior", "models/clip")) for name in names)


def test_a_reused_artifact_says_in_a_word_that_other_code_made_it(settings):
    made = numbers(NumbersConfig(), settings).artifact
    assert made.manifest().run.code == code.record("support.toy")
    assert "other code" not in console.line(made.manifest(), (), reused=True, seconds=0.1)
    assert [row.note for row in status([made], settings)] == [""]
    manifest = storage.read_json(made.file(MANIFEST))
    manifest["run"]["code"]["sha256"] = "0" * 64
    storage.write_json(made.file(MANIFEST), manifest)
    assert numbers(NumbersConfig(), settings).reused
    assert "made by other code" in console.line(made.manifest(), (), reused=True, seconds=0.1)
    assert [(row.state, row.note) for row in status([made], settings)] == [("finished", "made by other code")]


def test_a_manifest_older_than_the_digest_of_code_is_read_and_called_nothing(settings):
    made = numbers(NumbersConfig(), settings).artifact
    manifest = storage.read_json(made.file(MANIFEST))
    del manifest["run"]["code"]
    storage.write_json(made.file(MANIFEST), manifest)
    assert not made.manifest().is_by_other_code
