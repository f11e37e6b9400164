"""kill -9 of `dalle run` in every stage, then `dalle run` again: nothing lost, nothing done twice."""

import contextlib
import csv
import io
import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from flows.plan import plan
from flows.recipes import smoke
from tasks.settings import Settings

pytestmark = pytest.mark.slow

ARCHIVE = Path(__file__).parents[2] / "data" / "fluent-emoji-3d.zip"
DALLE = str(Path(sys.executable).parent / "dalle")
TRAININGS = ("train_dvae", "train_clip", "train_prior")
IMAGES, SPARE = 48, 360  # enough clean images to train on, and all the dirt the demo site makes of others


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """`--set` arguments that name a small copy of the demo's site on a port of its own."""
    small = tmp_path_factory.mktemp("archive") / "small.zip"
    with zipfile.ZipFile(ARCHIVE) as whole, zipfile.ZipFile(small, "w") as part:
        table = csv.DictReader(io.TextIOWrapper(whole.open("metadata.csv"), "utf-8"))
        rows = [row for row in table if not row["skin_tone"]]
        clean = [r for r in rows if r["category"] in ("Animals & Nature", "Food & Drink")]
        dirty = [r for r in rows if r["category"] in ("People & Body", "Flags", "Symbols")]
        listing = io.StringIO()
        writer = csv.DictWriter(listing, rows[0])
        writer.writeheader()
        for row in clean[:IMAGES] + dirty[:SPARE]:
            writer.writerow(row)
            part.writestr(f"images/{row['file']}", whole.read(f"images/{row['file']}"))
        part.writestr("metadata.csv", listing.getvalue())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return ["--set", f"source.archive={small}", "--set", f"source.port={port}", "--set", "pack.val_fraction=0.2"]


def start(root: Path, source: list[str]) -> subprocess.Popen:
    command = [DALLE, "run", "--recipe", "smoke", "--no-prefect", "--root", str(root), "--work-dir", f"{root}.work"]
    with Path(f"{root}.log").open("ab") as log:
        return subprocess.Popen([*command, "--dask-workers", "1", *source], stdout=log, stderr=log)


def finish(root: Path, source: list[str]) -> None:
    run = start(root, source)
    assert run.wait(timeout=280) == 0, Path(f"{root}.log").read_text()[-2000:]


def kill_inside(stage: str, root: Path, source: list[str]) -> bool:
    """Starts a run and kills it while it works on `stage`; False where the stage was over before that was noticed."""
    run = start(root, source)
    try:
        while not (inside := holds_lease(run.pid, root / stage)) and not list(root.glob(f"{stage}/*/manifest.json")):
            assert run.poll() is None, f"ended before {stage}: " + Path(f"{root}.log").read_text()[-2000:]
            time.sleep(0.01)
        time.sleep(2.0 if inside and stage in TRAININGS else 0.0)  # into the training
    finally:
        run.kill()
        run.wait()
    return inside


def holds_lease(pid: int, folder: Path) -> bool:
    """Whether the process has a lease in the folder. Leases come and go, and a killed run leaves its last behind."""
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


def accounts(root: Path) -> dict[str, dict]:
    """All manifests without their run records; the report's files hold times, so its digests are left out too."""
    found = {}
    for path in root.glob("*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        del manifest["run"]
        if manifest["stage"] == "report":
            del manifest["outputs"]
        assert manifest["stage"] not in found, f"{manifest['stage']} was done twice"
        found[manifest["stage"]] = manifest
    return found


@pytest.mark.timeout(900)
def test_a_run_killed_in_every_stage_ends_like_an_undisturbed_one(tmp_path, source):
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    stages = [artifact.stage for artifact in plan(smoke(), Settings())]
    assert len(stages) == 15
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
