"""A local Dask cluster: where it writes, and what is said when it does not start or a shard fails."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

RUN = """
import sys
from tasks.engine import shards
from tasks.errors import ClusterError
from tasks.settings import Settings

def killed_at_its_start(**_):
    raise RuntimeError("Nanny failed to start.")

def refuse(shard):
    raise ValueError(f"shard {shard} is refused")

def many(settings):
    shards.map_shards(abs, [0], settings)
    tasks = shards._open[0].scheduler.tasks
    counts = []
    found = shards.map_shards(abs, range(5000), settings, lambda _: counts.append(len(tasks)))
    print(found[:3], len(found), end="")
    print(f", at most {max(counts)} tasks")

if __name__ == "__main__":
    settings = Settings(work_dir=sys.argv[1], dask_workers=1)
    if sys.argv[2] == "many":
        many(settings)
        sys.exit()
    if sys.argv[2] == "fails":
        import distributed
        distributed.LocalCluster = killed_at_its_start
    try:
        print(shards.map_shards(refuse if sys.argv[2] == "refuses" else abs, [-1, -2], settings))
    except (ClusterError, ValueError) as error:
        print(error)
"""


def run(tmp_path: Path, how: str) -> str:
    script = tmp_path / "run.py"
    script.write_text(RUN)
    (tmp_path / "tmp").mkdir()
    project = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "work"), how],
        env={"PATH": "", "PYTHONPATH": project, "TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_cluster_writes_under_the_work_folder_alone(tmp_path: Path) -> None:
    assert run(tmp_path, "works") == "[1, 2]\n"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_worker_that_dies_while_it_starts_is_one_sentence(tmp_path: Path) -> None:
    said = run(tmp_path, "fails")
    assert said.startswith("A Dask worker did not start (Nanny failed to start): run again")
    assert said.count("\n") == 1


def test_a_shard_that_fails_is_said_once_and_not_by_the_workers_log_too(tmp_path: Path) -> None:
    said = run(tmp_path, "refuses")
    assert said in ("shard -1 is refused\n", "shard -2 is refused\n")


def test_however_many_shards_there_are_the_scheduler_is_given_a_thousand_tasks(tmp_path: Path) -> None:
    assert run(tmp_path, "many") == "[0, 1, 2] 5000, at most 1000 tasks\n"
