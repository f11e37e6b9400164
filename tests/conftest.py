"""Fixtures every folder of tests shares."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")

from tasks.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Artifacts under the test's own folder, all work in this process."""
    return Settings(root=str(tmp_path / "runs"), work_dir=str(tmp_path / "work"), dask_workers=0)
