"""A run that hangs ends with the stacks of all its ranks and a sentence about where they stand."""

import json
import threading
import time
from pathlib import Path

import pytest
from support import one_hanging_rank
from support.ranks import running_ranks

from models.training import watchdog
from models.training.distributed import Ranks
from models.training.errors import HangError
from models.training.watchdog import Watchdog


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set where the process would end."""
    event = threading.Event()
    monkeypatch.setattr(watchdog.os, "_exit", lambda status: event.set())
    return event


def _error(out: Path) -> str:
    message: str = json.loads((out / "error.json").read_text())["message"]
    return message


def test_without_the_end_of_a_step_the_process_ends_with_the_step_the_rank_and_the_place(
    tmp_path: Path, ended: threading.Event
) -> None:
    with Watchdog(tmp_path, Ranks(), 0.2) as dog:
        dog.alive(7)
        assert ended.wait(30)
    message = _error(tmp_path)
    assert message.startswith("training hangs: step 7 did not end in 0.2 s, with rank 0 in wait (threading.py:")
    assert message.endswith("with a larger hang_seconds if a step takes longer")
    stacks = (tmp_path / "hang" / "rank-0.txt").read_text()
    assert "rank 0, no end of step 7" in stacks
    assert "in test_without_the_end_of_a_step" in stacks


def test_steps_that_end_in_time_keep_a_run_alive(tmp_path: Path, ended: threading.Event) -> None:
    with Watchdog(tmp_path, Ranks(), 2.0) as dog:
        for step in range(60):
            time.sleep(0.05)
            dog.alive(step)
    assert not ended.is_set()
    assert not list(tmp_path.iterdir())


def test_validation_and_saving_may_take_longer(tmp_path: Path, ended: threading.Event) -> None:
    with Watchdog(tmp_path, Ranks(), 0.3) as dog, dog.paused():
        time.sleep(1.0)
    assert not ended.is_set()


def test_without_a_limit_nothing_is_watched(tmp_path: Path) -> None:
    with Watchdog(tmp_path, Ranks(), None):
        assert "watchdog" not in [thread.name for thread in threading.enumerate()]


def test_what_an_earlier_attempt_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "hang").mkdir()
    (tmp_path / "hang" / "rank-0.txt").write_text("before")
    with Watchdog(tmp_path, Ranks(), 100.0):
        assert not (tmp_path / "hang" / "rank-0.txt").exists()


def test_of_many_ranks_those_are_named_first_that_stand_where_few_do() -> None:
    many = {"all_reduce (a.py:1)": [*range(5), *range(6, 20)], "read (b.py:2)": [5]}
    assert "with rank 5 in read (b.py:2), ranks 0, 1, 2, 3, 4, 6, 7, 8, ... in all_reduce (a.py:1);" in str(
        HangError(3, 600.0, many, Path("out"))
    )


@pytest.mark.slow
def test_a_rank_that_hangs_ends_all_with_the_stacks_of_each(tmp_path: Path) -> None:
    training = {"steps": 100, "batch_size": 4, "warmup_steps": 2, "hang_seconds": 20.0, "threads": 1}
    job = {"training": training, "out": str(tmp_path / "out")}
    with running_ranks([str(Path(one_hanging_rank.__file__))], job, 2) as agent:
        assert agent.wait(240) == 1
    message = _error(tmp_path / "out")
    assert f"step {one_hanging_rank.HANGS_AT} did not end in 20 s" in message
    assert "rank 1 in hang (one_hanging_rank.py:" in message
    assert "rank 0 in " in message
    waits, hangs = ((tmp_path / "out" / "hang" / f"rank-{rank}.txt").read_text() for rank in (0, 1))
    assert "in _backward" in waits
    assert " in hang" not in waits
    assert " in hang" in hangs
