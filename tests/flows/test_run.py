"""A stage that tells nothing is told about all the same."""

import threading

import pytest

from flows.run import Pace
from tasks.engine.output import Progress


def test_silent_work_is_told_about_until_it_ends() -> None:
    told: list[str] = []
    twice = threading.Event()

    def tell(text: str) -> None:
        told.append(text)
        if len(told) == 2:
            twice.set()

    with Pace(0.01, tell) as pace:
        assert twice.wait(30)
        assert told[0].startswith("working, ")
        pace.progressed(Progress(3, 9, "shards"))
        assert pace.text().startswith("3 of 9 shards")
    count = len(told)
    twice.clear()
    assert not twice.wait(0.05)
    assert len(told) == count


def test_work_that_fails_is_not_told_about_any_longer() -> None:
    told: list[str] = []
    with pytest.raises(ZeroDivisionError), Pace(0.01, told.append):
        raise ZeroDivisionError
    count = len(told)
    threading.Event().wait(0.05)
    assert len(told) == count
