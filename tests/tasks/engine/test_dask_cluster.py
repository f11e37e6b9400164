"""A Dask cluster that runs already, started as its users start one: the same artifacts as without Dask."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.small_demo import small_source
from support.web import free_port

from flows.changes import assigned
from flows.pipeline import dataset
from flows.recipes import smoke
from flows.run import DirectRun
from tasks.engine.artifact import lineage
from tasks.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two workers of the plain command line, nothing configured."""
    address = f"tcp://127.0.0.1:{free_port()}"
    dask = [sys.executable, "-m", "dask"]
    scheduler = [*dask, "scheduler", "--host", address, "--no-dashboard"]
    worker = [*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    started = [subprocess.Popen(command, env=env, cwd=PROJECT) for command in (scheduler, worker, worker)]
    try:
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(30)


def test_the_dataset_is_the_same_on_a_cluster_and_without(cluster: str, tmp_path: Path) -> None:
    words = small_source(tmp_path)
    config = assigned(smoke(), words[1::2])

    def manifests(name: str, **where: str | int) -> list[dict]:
        settings = Settings(root=str(tmp_path / name), work_dir=str(tmp_path / f"{name}-work"), **where)
        packed = dataset(DirectRun(settings), config)
        return [artifact.manifest().model_dump(exclude={"run"}) for artifact in lineage(packed)]

    assert manifests("cluster", dask_address=cluster) == manifests("plain", dask_workers=0)
