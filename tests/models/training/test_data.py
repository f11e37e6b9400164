"""Reading shards."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.training.data import Pairs, PixelCache
from models.training.errors import DataError, ImageTooSmallError
from models.training.randomness import Step
from models.training.shards import Shards
from models.training.windows import codes_of, tokens_of


def test_pairs_come_in_the_order_of_the_shards(shard: str, captions: list[str]) -> None:
    pairs = Pairs([shard, shard])
    assert pairs.captions(range(16)) == captions * 2
    assert pairs.captions([9, 0]) == [captions[1], captions[0]]
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


def test_the_cache_stays_within_its_bound_and_keeps_what_was_used_last(shard: str) -> None:
    pairs = Pairs([shard], cache_mb=1)
    for size in range(100, 160):
        pairs.squares(range(8), size)
    assert 0.9 * 2**20 < pairs.cache.bytes <= 2**20
    assert pairs.cache.get((7, 159)) is not None
    assert pairs.cache.get((0, 100)) is None


def test_a_forked_process_keeps_no_images() -> None:
    cache = PixelCache(2**20)
    image = np.zeros((4, 4, 3), np.uint8)
    pid = os.fork()
    if pid == 0:
        cache.put((0, 0), image)
        os._exit(cache.bytes)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_captions_are_read_without_their_images(shard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, asked = Pairs([shard]), []
    read = pairs.shards.read
    monkeypatch.setattr(pairs.shards, "read", lambda group, columns: asked.append(columns) or read(group, columns))
    pairs.captions([0, 1])
    assert asked == [["caption"]]


def test_a_crop_depends_on_the_generator_of_its_pair_alone(shard: str) -> None:
    pairs = Pairs([shard])
    rows = pairs.shards.take(range(8), ["pair_id", "image"]) | {"row": range(8)}
    crops = pairs.crops_of(rows, 16, Step(3, 0).of_examples("crop", 8))
    assert np.array_equal(crops, pairs.crops_of(rows, 16, Step(3, 0).of_examples("crop", 8)))
    assert not np.array_equal(crops, pairs.crops_of(rows, 16, Step(4, 0).of_examples("crop", 8)))
    half = {name: column[4:] for name, column in rows.items()}
    assert np.array_equal(crops[4:], pairs.crops_of(half, 16, Step(3, 0, 1, 2).of_examples("crop", 8)))


def test_the_pair_whose_image_is_too_small_for_a_crop_is_named(shard: str) -> None:
    pairs = Pairs([shard])
    rows = pairs.shards.take([5], ["pair_id", "image"]) | {"row": [5]}
    with pytest.raises(ImageTooSmallError, match=r"pair p5: .*24x24 pixels"):
        pairs.crops_of(rows, 32, Step(0, 0).of_examples("crop", 1))


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


@pytest.mark.parametrize("width", [4, -1], ids=["fixed size", "any size"])
def test_codes_are_little_endian_16_bit_numbers(tmp_path: Path, width: int) -> None:
    path = tmp_path / "tokens.parquet"
    rows = pa.array([bytes([1, 0, 0, 1]), bytes([255, 31, 2, 0])], pa.binary(width))
    pq.write_table(pa.table({"caption": ["a", "b"], "codes": rows}), path)
    shards = Shards([str(path)], ["caption", "codes"])
    captions, codes = tokens_of(shards, [1, 0])
    assert captions == ["b", "a"]
    assert codes.tolist() == [[8191, 2], [1, 256]]
    assert codes_of(shards.read(0, ["codes"])["codes"].slice(1)).tolist() == [[8191, 2]]


def test_codes_of_different_dvaes_are_refused() -> None:
    with pytest.raises(DataError, match="different dVAEs"):
        codes_of(pa.chunked_array([pa.array([b"1234", b"12"])]))


def test_a_flipped_bit_is_told_with_the_shard(tmp_path: Path) -> None:
    path = tmp_path / "flipped.parquet"
    table = pa.table({"caption": ["x" * 1000]})
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(table, path, write_page_checksum=True, **plain)
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"cannot read .*flipped.parquet"):
        Shards([str(path)], ["caption"]).read(0, ["caption"])
