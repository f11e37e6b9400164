"""SIGTERM is a wish at first, and an end where nobody answers it."""

import os
import signal
import time

import pytest

from models.training import termination
from models.training.termination import STATUS, Termination


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Statuses with which the process would have ended; patience is a tenth of a second."""
    found: list[int] = []
    monkeypatch.setattr(termination, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(os, "_exit", found.append)
    return found


def test_a_process_that_does_not_answer_sigterm_ends(exits: list[int]) -> None:
    with Termination() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + 30
        while not exits and time.monotonic() < deadline:
            time.sleep(0.01)
        assert asked.asked
    assert exits == [STATUS]


def test_a_stop_that_all_ranks_have_heard_of_may_take_its_time(exits: list[int]) -> None:
    with Termination() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        asked.heard()
        time.sleep(0.5)
        assert asked.asked
    assert exits == []
