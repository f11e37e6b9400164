"""The cause of a training's end, out of what the agents of its machines print."""

import pytest

from tasks.launch.last_words import ended_by_signal, last_words

FAILED = """[W1130 19:53:20.8 socket.cpp:207] [c10d] The hostname of the client socket cannot be retrieved. err=-3
error: rank {rank} lost another one
E1130 19:54:15.068000 8694 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: {code})
============================================================
models.training.start FAILED
Root Cause (first observed failure):
[0]:
  rank      : {rank} (local_rank: 0)
  exitcode  : {code} (pid: 8769)
============================================================
"""


def failed(rank: int, code: int) -> str:
    return FAILED.format(rank=rank, code=code)


@pytest.mark.parametrize("logs", [(failed(2, -9), failed(0, 1)), (failed(0, 1), failed(2, -9))])
def test_a_killed_rank_is_found_on_whichever_machine_it_ran(logs: tuple[str, str]) -> None:
    assert last_words("\n".join(logs)).startswith("rank 2 was ended by SIGKILL")


def test_without_a_signal_the_words_of_a_rank_count_and_not_those_of_torch() -> None:
    assert ended_by_signal(failed(1, 1)) is None
    assert last_words(failed(1, 1)) == "error: rank 1 lost another one"
