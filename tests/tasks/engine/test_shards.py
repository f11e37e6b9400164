"""Maps over shards: numbered local workers, and an end that every process sees."""

import importlib
import os
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tasks.engine import shards
from tasks.engine.shards import close_cluster, map_shards, worker_number
from tasks.errors import ClusterError
from tasks.settings import Settings


def number_of(item: int) -> int:
    time.sleep(0.2)  # so that one worker cannot do it all
    return worker_number()


def leave_a_mark(folder: Path) -> None:
    (folder / str(os.getpid())).touch()


def fail(item: int) -> int:
    raise ValueError(f"item {item}")


@pytest.mark.end_to_end
def test_local_workers_have_numbers_and_each_is_told_the_end(tmp_path):
    settings = Settings(dask_workers=2)
    numbers = map_shards(number_of, range(8), settings, afterwards=partial(leave_a_mark, tmp_path))
    assert set(numbers) == {0, 1}
    marks = {path.name for path in tmp_path.iterdir()}
    assert len(marks) == 2
    assert str(os.getpid()) not in marks


def die() -> None:
    if worker_number() == 0:
        os._exit(1)


@pytest.mark.end_to_end
def test_a_worker_that_ends_while_it_is_told_the_end_costs_no_result():
    assert map_shards(abs, [-1, 2], Settings(dask_workers=2), afterwards=die) == [1, 2]


@pytest.mark.parametrize("work", [number_of, fail])
def test_without_dask_this_process_is_number_0_and_is_told_the_end_even_of_a_failure(tmp_path, work):
    try:
        assert map_shards(work, [1], Settings(dask_workers=0), afterwards=partial(leave_a_mark, tmp_path)) == [0]
    except ValueError:
        assert work is fail
    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]


@pytest.mark.end_to_end
def test_work_that_no_worker_can_load_ends_the_map_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "NO_WORKER_S", 2)
    (tmp_path / "known_to_one.py").write_text("def work(item):\n    return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("known_to_one").work
    close_cluster()
    try:
        monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(tmp_path)])  # as workers begin with
        with pytest.raises(
            ClusterError, match=r"^All Dask workers ended .* run again; every finished shard is kept\.$"
        ):
            map_shards(work, [1, 2], Settings(dask_workers=1))
        assert map_shards(abs, [-1], Settings(dask_workers=1)) == [1]
    finally:
        close_cluster()
