"""Examples are drawn by rule: the same whatever the order in which shards are read."""

import random

import pyarrow as pa

from tasks.funnel.draw import SHOWN, Draw


def table(ids: list[int], captions: list[str] | None = None) -> pa.Table:
    return pa.table({"pair_id": [f"{i:016x}" for i in ids], "caption": captions or [f"caption {i}" for i in ids]})


def drawn(tables: list[pa.Table], most: int, distinct: bool = False, values: bool = False) -> list[str]:
    whole = Draw(most, distinct)
    for each in tables:
        part = Draw(most, distinct)
        numbers = pa.array([-int(name, 16) for name in each["pair_id"].to_pylist()]) if values else None
        part.add_rows(each, "shard", numbers)
        whole.add(part.examples)
    return [example.pair_id for example in whole.examples]


def test_the_lowest_ids_are_drawn_in_whatever_shards_and_order_they_stand() -> None:
    ids = random.Random(2).sample(range(1000), 100)
    parts = [table(ids[start : start + 7]) for start in range(0, 100, 7)]
    expected = [f"{i:016x}" for i in sorted(ids)[:5]]
    assert drawn(parts, 5) == drawn(parts[::-1], 5) == drawn([table(ids)], 5) == expected


def test_a_number_comes_before_the_id() -> None:
    assert drawn([table([1, 5, 3]), table([4, 2])], 2, values=True) == [f"{5:016x}", f"{4:016x}"]


def test_of_equal_captions_one_is_drawn_where_they_are_to_differ() -> None:
    said = ["a red apple", "a red apple", "a cat"]
    assert drawn([table([1, 2, 3], said), table([4], ["a cat"])], 3, distinct=True) == [f"{1:016x}", f"{3:016x}"]


def test_a_text_as_long_as_a_book_is_cut() -> None:
    whole = Draw(1)
    whole.add_rows(table([1], ["word " * 100_000]), "shard")
    assert len(whole.examples[0].caption) == SHOWN["caption"]
