"""kill -9 of `dalle run` in every stage, then `dalle run` again: nothing lost, nothing done twice."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.manifests import accounts
from support.small_demo import small_source

from flows.plan import plan
from flows.recipes import smoke
from tasks.settings import Settings

pytestmark = pytest.mark.slow

DALLE = str(Path(sys.executable).parent / "dalle")
TRAININGS = ("train_dvae", "train_clip", "train_prior")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return small_source(tmp_path_factory.mktemp("archive"))


def start(root: Path, source: list[str]) -> subprocess.Popen:
    command = [DALLE, "run", "--recipe", "smoke", "--no-prefect", "--root", str(root), "--work-dir", f"{root}.work"]
    with Path(f"{root}.log").open("ab") as log:
        return subprocess.Popen([*command, "--dask-workers", "1", *source], stdout=log, stderr=log)


def finish(root: Path, source: list[str]) -> None:
    run = start(root, source)
    assert run.wait(timeout=600) == 0, Path(f"{root}.log").read_text()[-2000:]


def kill_inside(stage: str, root: Path, source: list[str]) -> bool:
    """Starts a run and kills it while it works on `stage`; False if the stage ended before it could be killed."""
    run = start(root, source)
    try:
        while not (inside := holds_lease(run.pid, root / stage)) and not list(root.glob(f"{stage}/*/manifest.json")):
            assert run.poll() is None, f"ended before {stage}: " + Path(f"{root}.log").read_text()[-2000:]
            time.sleep(0.01)
        time.sleep(2.0 if inside and stage in TRAININGS else 0.0)  # until the training has begun
    finally:
        run.kill()
        run.wait()
    return inside


def holds_lease(pid: int, folder: Path) -> bool:
    """Whether the process has a lease in the folder. Other leases there may be those of killed runs."""
    for name in os.listdir(folder) if folder.exists() else []:
        with contextlib.suppress(FileNotFoundError):
            if name.endswith(".lock") and json.loads((folder / name).read_text())["pid"] == pid:
                return True
    return False


def finished_shards(root: Path) -> dict[str, int]:
    """Every shard with a marker, and when its files were written."""
    found = {}
    for marker in root.glob("*/*/shards/*.json"):
        for record in json.loads(marker.read_text())["files"]:
            path = marker.parents[1] / record["path"]
            found[str(path)] = path.stat().st_mtime_ns
    return found


@pytest.mark.timeout(1800)
def test_a_run_killed_in_every_stage_ends_like_an_undisturbed_one(tmp_path, source):
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    stages = [artifact.stage for artifact in plan(smoke(), Settings())]
    assert len(stages) == 16
    kept: dict[str, int] = {}
    inside = 0
    for stage in stages:
        inside += kill_inside(stage, killed, source)
        assert kept.items() <= finished_shards(killed).items(), f"the run killed in {stage} redid finished shards"
        kept = finished_shards(killed)
    assert inside > 10, "most stages are long enough to be killed in"
    finish(killed, source)
    assert kept.items() <= finished_shards(killed).items()

    finish(undisturbed, source)
    assert accounts(killed) == accounts(undisturbed)
    assert not list(killed.glob("**/*.lock"))
    assert not list(killed.glob("**/*.tmp"))
