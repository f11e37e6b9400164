"""A model folder that was exported from tiny models in real artifacts."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.finished_run import emoji_pairs
from support.tables import artifact
from support.tiny_models import tiny_generator, tiny_ranker, tiny_tokenizer

from flows.cli.drawing import export
from flows.pipeline import Models
from flows.recipes import smoke
from tasks import pack
from tasks.engine.artifact import Artifact
from tasks.settings import Settings

Trained = tuple[Artifact, Models]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(root=str(tmp_path_factory.mktemp("runs")), dask_workers=0)


@pytest.fixture(scope="session")
def trained(settings: Settings) -> Trained:
    """Packed pairs, and models that were not trained on them."""
    pairs = pack.pack(pack.Config(), settings, images=artifact("images", settings, emoji_pairs(24))).artifact
    generator, ranker = tiny_generator(settings), tiny_ranker(settings)
    return pairs, Models(tokenizer=tiny_tokenizer(settings), tokens=pairs, generator=generator, ranker=ranker)


@pytest.fixture(scope="session")
def export_to(settings: Settings, trained: Trained) -> Callable[..., dict[str, Any]]:
    """`export_folder` of the tiny models."""

    def write(out: Path, fp16: bool = False) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(export, "trained", lambda *_: trained)
            return export.export_folder("smoke", smoke(), settings, "dalle run", out, fp16, lambda phase: None)

    return write


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, export_to: Callable[..., Any]) -> Path:
    out = tmp_path_factory.mktemp("elsewhere") / "model"
    export_to(out)
    return out


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(exported, tmp_path / "copied")
