"""What tasks hand to each other arrives whole, part by part, in the order of the tasks."""

import numpy as np
import pytest

from tasks.engine.exchange import Exchange, record_array

THING = np.dtype([("number", "<u8"), ("name", "S4"), ("picture", "u1", (2, 2))])


def things(*numbers: int) -> np.ndarray:
    pictures = np.array([np.full((2, 2), number) for number in numbers]).reshape(-1, 2, 2)
    return record_array(THING, number=list(numbers), name=b"a\0b", picture=pictures)


def test_each_part_has_its_records_in_the_order_of_the_tasks_and_in_theirs(tmp_path):
    exchange = Exchange(f"{tmp_path}/things", THING, parts=3)
    exchange.write(1, things(7, 2, 5), np.array([2, 0, 2]))
    exchange.write(0, things(4, 9), np.array([2, 0]))
    exchange.write(2, things(), np.zeros(0, np.int64))
    found = [exchange.read(range(3), part) for part in range(3)]
    assert [part["number"].tolist() for part in found] == [[9, 2], [], [4, 7, 5]]
    assert (found[2] == things(4, 7, 5)).all()
    assert exchange.read([1], 2)["number"].tolist() == [7, 5]


def test_more_files_than_are_read_at_once_are_all_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.engine.exchange.FILES_AT_ONCE", 3)
    exchange = Exchange(f"{tmp_path}/things", THING, parts=2)
    for source in range(8):
        exchange.write(source, things(source), source % 2)
    assert exchange.read(range(8), 1)["number"].tolist() == [1, 3, 5, 7]


def test_a_task_that_has_handed_on_nothing_is_missed(tmp_path):
    exchange = Exchange(f"{tmp_path}/things", THING)
    exchange.write(0, things(1))
    assert exchange.has(0)
    assert not exchange.has(1)
    with pytest.raises(FileNotFoundError):
        exchange.read(range(2))
