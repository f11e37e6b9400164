"""Reading shards."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.training.data import Pairs
from models.training.errors import DataError
from models.training.randomness import Step
from models.training.shards import read_codes


def test_pairs_come_in_the_order_of_the_shards(shard: str, captions: list[str]) -> None:
    pairs = Pairs([shard, shard])
    assert pairs.captions == captions * 2
    assert len(pairs) == 16


def test_squares_are_channels_last_bytes_of_the_asked_size(shard: str) -> None:
    squares = Pairs([shard]).squares([0, 3], 12)
    assert squares.shape == (2, 3, 12, 12)
    assert squares.permute(0, 2, 3, 1).is_contiguous()
    assert squares[0, :, 6, 6].tolist() == [220, 40, 40]  # the middle of "a red square"


@pytest.mark.parametrize("cache_mb", [0, 1])
def test_pixels_do_not_depend_on_the_cache(shard: str, cache_mb: int) -> None:
    fresh, used = Pairs([shard]), Pairs([shard], cache_mb)
    used.squares(range(8), 12)
    assert np.array_equal(fresh.squares(range(8), 12), used.squares(range(8), 12))


def test_the_cache_stays_within_its_bound(shard: str) -> None:
    pairs = Pairs([shard], cache_mb=1)
    for size in range(100, 160):
        pairs.squares(range(8), size)
    assert sum(image.nbytes for image in pairs._decoded.values()) <= 2**20


def test_crops_are_a_function_of_the_step(shard: str) -> None:
    pairs = Pairs([shard])
    first = pairs.crops(range(8), 16, Step(3, seed=0))
    assert np.array_equal(first, pairs.crops(range(8), 16, Step(3, seed=0)))
    assert not np.array_equal(first, pairs.crops(range(8), 16, Step(4, seed=0)))


def test_shards_are_read_through_fsspec_addresses(shard: str) -> None:
    assert len(Pairs([f"file://{shard}"])) == 8


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*gone.parquet"):
        Pairs([str(tmp_path / "gone.parquet")])


def test_a_shard_without_images_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bare.parquet"
    pq.write_table(pa.table({"pair_id": ["a"], "caption": ["b"]}), path)
    with pytest.raises(DataError, match="image"):
        Pairs([str(path)])


def test_a_broken_image_is_named_by_its_pair(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    pq.write_table(pa.table({"pair_id": ["p7"], "caption": ["b"], "image": pa.array([b"oops"], pa.binary())}), path)
    with pytest.raises(DataError, match="p7"):
        Pairs([str(path)]).image(0)


def test_codes_are_little_endian_16_bit_numbers(tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    rows = pa.array([bytes([1, 0, 0, 1]), bytes([255, 31, 2, 0])], pa.binary(4))
    pq.write_table(pa.table({"caption": ["a", "b"], "codes": rows}), path)
    captions, codes = read_codes([str(path)])
    assert captions == ["a", "b"]
    assert codes.tolist() == [[1, 256], [8191, 2]]


def test_codes_of_different_dvaes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mixed.parquet"
    pq.write_table(pa.table({"caption": ["a", "b"], "codes": pa.array([b"1234", b"12"], pa.binary())}), path)
    with pytest.raises(DataError, match="different dVAEs"):
        read_codes([str(path)])
