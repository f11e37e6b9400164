"""In parts, whatever their number, exactly the rows are dropped that the rule names, and few are compared."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.signatures import (
    Row,
    evaluation_image,
    handed_on,
    row,
    thermometer,
    verdicts,
    verdicts_by_rule,
)

from tasks.dedup.banded_search import FIRST_WINDOW
from tasks.dedup.config import Config
from tasks.dedup.near_duplicates import HASH_BITS

COLOURS = (0, 20, 40, 60)


def looks(random_bits: np.random.Generator, count: int) -> list[tuple[tuple[bool, ...], int]]:
    """Hashes and colours: chains, in which only neighbours are alike, copies, and some around a few centres."""
    centres = random_bits.random((3, HASH_BITS)) < 0.5
    found = []
    for _ in range(count):
        kind = random_bits.integers(0, 3)
        if kind == 0:
            bits = thermometer(int(random_bits.integers(0, 12)) * 4)
        else:
            bits = centres[random_bits.integers(0, 3)].copy()
            bits[random_bits.choice(HASH_BITS, random_bits.integers(0, 4 if kind == 1 else 20), replace=False)] ^= True
        found.append((tuple(bits.tolist()), int(random_bits.choice(COLOURS))))
    return found


def vector(random: np.random.Generator, dimension: int) -> tuple[float, ...]:
    """In few dimensions many are alike, some of them in chains."""
    return tuple(random.normal(size=dimension).tolist())


def rows_of(random_bits: np.random.Generator, count: int) -> list[Row]:
    """Rows that share addresses, files, captions, sizes and even pair ids."""
    files = looks(random_bits, max(1, count * 2 // 3))
    found = []
    for _ in range(count):
        file = int(random_bits.integers(0, len(files)))
        url = int(random_bits.integers(0, count)) if random_bits.random() < 0.3 else file
        bits, colour = files[file]
        split = [None, None, "train", "validation"][random_bits.integers(0, 4)]
        given = {"colour": colour, "pixels": int(random_bits.integers(1, 4)), "split": split}
        caption = f"caption {random_bits.integers(0, 4)}"
        pair = int(random_bits.integers(0, 2 * count))
        found.append(row(pair, bits, url=f"{url}", digest=f"{file}", caption=caption, **given))
    return found


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    distance=st.integers(0, 16),
    shards=st.integers(1, 4),
    evaluation=st.integers(0, 8),
    dimension=st.sampled_from([0, 3, 6]),
    parts=st.sampled_from([(100, 100), (30, 100), (10, 15)]),
)
def test_what_is_dropped_and_why_is_what_the_rule_says(
    tmp_path_factory, seed, count, distance, shards, evaluation, dimension, parts
):
    random_bits = np.random.default_rng(seed)
    rows = rows_of(random_bits, count)
    known = [evaluation_image(f"{n}.png", *look) for n, look in enumerate(looks(random_bits, evaluation))]
    config = Config(max_hash_distance=distance, max_captions=2)
    if dimension:
        config = Config(max_hash_distance=distance, max_captions=2, clip="a CLIP", min_cosine=0.95)
        vectors = {each.digest: vector(random_bits, dimension) for each in rows}
        rows = [replace(each, vector=vectors[each.digest]) for each in rows]
        known = [replace(each, vector=vector(random_bits, dimension)) for each in known]
    size = -(-count // shards) or 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.dedup.exchanges.ROWS_PER_PART", parts[0])
        patch.setattr("tasks.dedup.exchanges.HASHES_PER_PART", parts[1])
        patch.setattr("tasks.dedup.banded_search.COMPARED_AT_ONCE", 10)
        exchanges = handed_on(
            tmp_path_factory.mktemp("exchange"),
            config,
            [rows[size * n : size * (n + 1)] for n in range(shards)],
            [known[:3], known[3:]],
        )
        found, _ = verdicts(config, exchanges)
        again, _ = verdicts(config, exchanges)  # as after a kill: over what is there
    assert found == again == verdicts_by_rule(config, rows, known)


def test_few_images_that_are_alike_are_missed_in_cells(tmp_path, monkeypatch):
    """One in four is near another, up to the limit; 20 cells find 99 % of what is dropped when all are compared."""
    monkeypatch.setattr("tasks.dedup.exchanges.ROWS_PER_PART", 400)
    random_vectors = np.random.default_rng(3)
    topics = random_vectors.normal(size=(40, 64))
    vectors = topics[random_vectors.integers(0, 40, 1200)] + 0.7 * random_vectors.normal(size=(1200, 64))
    noise = random_vectors.uniform(0, 0.32, (300, 1)) * random_vectors.normal(size=(300, 64))
    vectors[900:] = vectors[:300] + noise
    hashes = random_vectors.random((1200, HASH_BITS)) < 0.5
    rows = [row(n, hashes[n].tolist(), vector=tuple(vectors[n].tolist())) for n in range(1200)]
    config = Config(clip="a CLIP", min_cosine=0.95)

    def dropped(per_cell: int) -> tuple[set[int], int]:
        monkeypatch.setattr("tasks.dedup.exchanges.VECTORS_PER_CELL", per_cell)
        exchanges = handed_on(tmp_path / f"{per_cell}", config, [rows[:500], rows[500:]])
        found, comparisons = verdicts(config, exchanges)
        return {n for n, (_, why, _) in enumerate(found) if why is not None}, comparisons

    (all_of_them, compared), (in_cells, compared_in_cells) = dropped(1200), dropped(60)
    assert 100 < len(all_of_them) < 400
    assert in_cells <= all_of_them
    assert len(in_cells) >= 0.99 * len(all_of_them)
    assert compared_in_cells < 0.4 * compared


def test_a_long_chain_is_decided_link_by_link(tmp_path):
    """Each looks like the one before and the one after it alone, in the order of rank: every second one is kept."""
    rows = [row(number, thermometer(number * 10)) for number in range(25)]
    config = Config(max_hash_distance=10)
    found, _ = verdicts(config, handed_on(tmp_path, config, [rows]))
    assert [reason for _, reason, _ in found] == [None, "near_duplicate"] * 12 + [None]
    assert found == verdicts_by_rule(config, rows)


def test_an_image_that_is_similar_only_to_a_dropped_one_is_kept(tmp_path):
    """Otherwise a chain of small differences would drop images that are similar to none that is kept."""
    config = Config(max_hash_distance=10)
    rows = [row(number, thermometer(10 * number)) for number in range(3)]
    found, _ = verdicts(config, handed_on(tmp_path, config, [rows]))
    assert [reason for _, reason, _ in found] == [None, "near_duplicate", None]


def test_images_of_the_evaluation_set_that_look_alike_all_count_and_what_is_rejected_stands_for_nothing(tmp_path):
    """One that is like a dropped picture alone must not be lost, and one like an unwanted copy must not slip in."""
    evaluation = [evaluation_image("a", thermometer(0)), evaluation_image("b", thermometer(8))]
    rows = [row(number, thermometer(bits)) for number, bits in enumerate((16, 24, 32))]
    config = Config(max_hash_distance=8)
    found, _ = verdicts(config, handed_on(tmp_path, config, [rows], [evaluation]))
    assert [(reason, detail) for _, reason, detail in found] == [
        ("in_evaluation_set", "matches b"),  # like b, which is like a
        (None, None),
        ("near_duplicate", f"same as {1:016x}"),  # 1 is like 0 alone, which is rejected
    ]


def some_copies(copies: int, others: int) -> list[Row]:
    """One picture in so many compressions, among as many others as named."""
    random_bits = np.random.default_rng(1)
    hashes = random_bits.random((copies + others, HASH_BITS)) < 0.4
    hashes[:copies] = hashes[0]
    for number in range(copies):
        hashes[number, random_bits.integers(0, HASH_BITS, 3)] ^= True
    rows = [row(number, hashes[number].tolist()) for number in range(copies + others)]
    return random.Random(0).sample(rows, len(rows))


@pytest.mark.parametrize("others", [0, 300])
def test_comparisons_grow_with_the_copies_of_a_picture_and_not_with_their_square(tmp_path, others):
    """Each meets a few in a band: to find that it has one like it, that one comes before it, and which is kept."""
    for copies in (500, 1000, 2000):
        exchanges = handed_on(tmp_path / f"{copies}", Config(), [some_copies(copies, others)])
        found, comparisons = verdicts(Config(), exchanges)
        assert sum(reason is not None for _, reason, _ in found) == copies - 1
        assert (
            comparisons <= (2 * FIRST_WINDOW + 2 + 13) * copies + 300 * 300 * 0.02
        )  # others share a band now and then


def test_smooth_pictures_are_not_all_compared_with_each_other(tmp_path):
    """Their high frequencies are all alike, so that bands of these alone would make every two candidates."""
    random_bits = np.random.default_rng(2)
    hashes = np.zeros((400, HASH_BITS), bool)
    hashes[:, :120] = random_bits.random((400, 120)) < 0.5
    rows = [row(number, bits.tolist()) for number, bits in enumerate(hashes)]
    _, comparisons = verdicts(Config(), handed_on(tmp_path, Config(), [rows]))
    assert comparisons < 0.2 * 400 * 399 / 2


def test_no_images_are_no_duplicates(tmp_path):
    assert verdicts(Config(), handed_on(tmp_path, Config(), [[]])) == ([], 0)
