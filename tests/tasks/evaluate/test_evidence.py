"""Judged samples are rows of a table: as good as dicts, and small enough for tens of thousands of prompts."""

import tracemalloc

import pyarrow as pa
import pytest

from tasks.evaluate.evidence import TableRows, by_prompt
from tasks.evaluate.judge import JUDGED

PROMPTS = 3000


def table(prompts: int) -> pa.Table:
    """One sample of each prompt of a suite, as the evaluation judges it."""
    rows = [
        {
            "prompt_id": number,
            "prompt": f"a thing of the kind {number} on a table",
            "group": "own",
            "category": "things",
            "index": 0,
            "rank": 0,
            "score": 0.25,
            "nearest_pair_id": f"{number:016x}",
            "nearest_caption": "a red apple",
            "nearest_mse": 0.01,
            "wrong": ["thing"] if number % 2 else None,
        }
        for number in range(prompts)
    ]
    return pa.Table.from_pylist(rows, JUDGED)


def test_a_row_of_a_table_says_what_the_dict_says():
    rows, dicts = TableRows(table(5)), table(5).to_pylist()
    assert len(rows) == 5
    assert [dict(row) for row in rows] == dicts
    assert (rows[-1]["prompt_id"], rows[-1].get("wrong"), rows[-1].get("nothing")) == (4, None, None)
    assert [row["prompt_id"] for row in rows[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        rows[5]
    with pytest.raises(KeyError):
        rows[0]["nothing"]


def test_a_table_without_rows_has_none():
    assert list(TableRows(table(0))) == by_prompt(TableRows(table(0))) == []


def test_a_judged_sample_takes_less_than_half_a_kilobyte_in_the_driver():
    """As a dict it takes three times as much, and 30,000 of them more than the driver may grow."""
    made = table(PROMPTS)
    assert made.nbytes / PROMPTS < 200
    tracemalloc.start()
    try:
        prompts = by_prompt(TableRows(made))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(prompts) == PROMPTS
    assert taken / PROMPTS < 300
