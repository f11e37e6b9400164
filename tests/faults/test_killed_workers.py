"""A local Dask worker killed in the middle of each stage of the data: the same artifacts as without Dask."""

import threading
from pathlib import Path

import psutil
import pytest
from support.small_demo import small_source

from flows.changes import assigned
from flows.pipeline import dataset
from flows.recipes import smoke
from flows.run import DirectRun
from tasks.engine.artifact import lineage
from tasks.engine.output import Progress
from tasks.engine.shards import close_cluster, map_shards
from tasks.engine.stage import Observer, Stage
from tasks.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MOMENT_S = 0.1  # after the shards of a stage are handed out
KILLED_IN = {"crawl", "screen_captions", "fetch", "screen_images", "dedup", "pack"}


def workers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "multiprocessing.spawn" in " ".join(child.cmdline())]


class Killer(Observer):
    """Kills a worker once in each stage."""

    def __init__(self) -> None:
        self.killed: set[str] = set()

    def progressed(self, stage: Stage, progress: Progress) -> None:
        if stage.name not in self.killed and workers():
            self.killed.add(stage.name)
            threading.Timer(MOMENT_S, workers()[0].kill).start()


def test_a_worker_killed_in_each_stage_changes_nothing(tmp_path: Path) -> None:
    words = small_source(tmp_path)
    config = assigned(smoke(), words[1::2])
    killer = Killer()

    def manifests(name: str, workers: int) -> list[dict]:
        settings = Settings(root=str(tmp_path / name), work_dir=str(tmp_path / f"{name}-work"), dask_workers=workers)
        map_shards(abs, [-1], settings)  # starts the workers
        packed = dataset(DirectRun(settings, [killer]), config)
        return [artifact.manifest().model_dump(exclude={"run"}) for artifact in lineage(packed)]

    try:
        assert manifests("killed", 2) == manifests("plain", 0)
    finally:
        close_cluster()
    assert killer.killed >= KILLED_IN
